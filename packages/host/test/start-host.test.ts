import { createServer } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { readHostFile } from '../src/index.ts';
import { answerScript, quietAgent, workshop } from './running-host.ts';

function office(...names: string[]) {
  const shop = workshop();
  shop.write('agents/answer.yaml', answerScript);
  for (const name of names) shop.write(`agents/${name}.agent`, quietAgent(name));
  return shop;
}

describe('startHost', () => {
  it('reports its steps in order and leaves the way to it in the data directory', async () => {
    const shop = office('a', 'b');
    const { host, progress, client } = await shop.start();
    expect(progress.map(({ step }) => step)).toEqual(['journal-opened', 'listening', 'loaded', 'started']);
    expect(readHostFile(host.dataDirectory)).toMatchObject({ pid: process.pid, url: host.url, port: host.port });
    expect(await client.ready()).toEqual({ status: 'ready' });
    expect((await client.listProcesses()).map(({ name, state }) => [name, state])).toEqual([['a', 'running'], ['b', 'running']]);
    await host.stop('enough');
    expect(await host.stopped).toEqual({ reason: 'enough', isFailure: false });
    expect(readHostFile(host.dataDirectory)).toBeUndefined();
  });

  it('runs the good agents beside those that can not be loaded or started', async () => {
    const shop = office('good');
    shop.write('agents/bad.agent', 'name: bad\nmodell: x\n');
    shop.write('agents/keyless.agent', 'name: keyless\nmodel: openai:gpt-5-mini\n');
    const { progress, client } = await shop.start();
    const loaded = progress.find((each) => each.step === 'loaded');
    const started = progress.find((each) => each.step === 'started');
    expect(loaded?.errors.map(({ file }) => file)).toEqual([expect.stringMatching(/bad\.agent$/)]);
    expect(started?.failed.map(({ name, error }) => [name, String((error as Error).message)])).toEqual([['keyless', expect.stringContaining('OPENAI_API_KEY')]]);
    expect((await client.getProcess('good')).state).toBe('running');
    expect((await client.getProcess('keyless')).state).toBe('failed');
    const report = await client.startAll();
    expect(report).toMatchObject({ status: 'partial', failed: [{ name: 'keyless', error: { code: expect.stringMatching(/^MODEL_/) as string } }] });
  });

  it('lists triggers with their references, never with their secrets', async () => {
    const shop = office();
    shop.write('agents/desk.agent', quietAgent('desk', 'triggers:\n  - { type: webhook, hmac_secret: "${S}" }\n  - { type: webhook, webhook_path: /b, hmac_secret: in-plain-sight }\n  - { type: cron, cron_expression: "0 0 1 1 *" }\n'));
    const { client } = await shop.start({ environment: { S: 'canary-secret' } });
    const triggers = await client.listTriggers('desk');
    expect(triggers.map(({ type, source }) => [type, source])).toEqual([['webhook', 'config'], ['webhook', 'config'], ['cron', 'config']]);
    expect(triggers[0]?.config).toMatchObject({ hmac_secret: '${S}', webhook_path: '/webhook' });
    expect(JSON.stringify(triggers)).not.toMatch(/canary-secret|in-plain-sight/);
  });

  // S8
  it('keeps secrets out of journal, log and status', async () => {
    const shop = office();
    shop.write('agents/desk.agent', quietAgent('desk', 'triggers:\n  - { type: webhook, hmac_secret: "${S}" }\n'));
    const { host, client } = await shop.start({ environment: { S: 'canary-secret', CORTEX_TOKEN: 'canary-token-0123456789', CORTEX_LOG_LEVEL: 'debug' } });
    await client.inject('desk', { payload: {} });
    await expect.poll(() => client.getProcess('desk').then(({ invocationCount }) => invocationCount), { timeout: 10_000 }).toBe(1);
    expect(JSON.stringify(await client.runtimeStatus())).not.toContain('canary');
    await host.stop('read what is left');
    for (const path of ['segments/0000000001.jsonl', 'logs/host.log']) expect(readFileSync(join(host.dataDirectory, path), 'utf8')).not.toContain('canary');
  });

  it('leaves nothing behind when the port is taken', async () => {
    const shop = office('a');
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    onTestFinished(() => void taken.close());
    const port = String((taken.address() as { port: number }).port);
    await expect(shop.start({ environment: { CORTEX_PORT: port } })).rejects.toThrow(`port ${port} of 127.0.0.1 is taken`);
    expect(existsSync(join(shop.directory, '.cortex/host.json'))).toBe(false);
    const { client } = await shop.start();
    expect((await client.getProcess('a')).state).toBe('running');
  });

  it('streams a run while it happens', async () => {
    const shop = office('a');
    const { client } = await shop.start();
    const abort = new AbortController();
    const kinds: string[] = [];
    const reading = (async () => {
      for await (const update of client.stream('a', { signal: abort.signal })) {
        kinds.push(update.kind);
        if (update.kind === 'complete') break;
      }
    })();
    await expect.poll(async () => {
      await client.inject('a', { payload: {} });
      return kinds.includes('complete');
    }, { timeout: 10_000, interval: 200 }).toBe(true);
    await reading;
    expect(kinds).toContain('output');
  });

  it('lets idle agents hibernate, and wakes them with their next event', async () => {
    const shop = office('sleeper');
    const { client } = await shop.start({ environment: { CORTEX_HIBERNATE_AFTER: '0.2s' } });
    await client.inject('sleeper', { payload: {} });
    const facts = () => client.getProcess('sleeper').then(({ invocationCount, hibernated, state }) => ({ invocationCount, hibernated, state }));
    await expect.poll(facts, { timeout: 10_000 }).toEqual({ invocationCount: 1, hibernated: true, state: 'running' });
    await client.inject('sleeper', { payload: {} });
    await expect.poll(facts, { timeout: 10_000 }).toMatchObject({ invocationCount: 2 });
    expect(await client.listDeadLetters('sleeper')).toEqual([]);
    expect(await client.listWaitingEffects('sleeper')).toEqual([]);
  });

  // 12.5: a failed or stopped process kept answering 202.
  it('asks the senders of an agent that does not run to come back', async () => {
    const shop = office();
    shop.write('agents/desk.agent', quietAgent('desk', 'triggers:\n  - { type: webhook, webhook_path: /in }\n'));
    const { host, client } = await shop.start();
    const post = async () => {
      const response = await fetch(`${host.url}/hooks/desk/in`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
      return [response.status, response.headers.get('retry-after') !== null];
    };
    expect(await post()).toEqual([202, false]);
    await client.stopProcess('desk');
    expect(await post()).toEqual([503, true]);
    await expect(client.inject('desk', { payload: {} })).rejects.toMatchObject({ status: 503, code: 'EVENT_REFUSED', retryable: true });
    await client.startProcess('desk');
    expect(await post()).toEqual([202, false]);
  });

  it('keeps an agent without a journal in memory only, beside the others', async () => {
    const shop = office('kept');
    shop.write('agents/gone.agent', quietAgent('gone', 'journal: { level: none }\n'));
    const first = await shop.start();
    for (const name of ['kept', 'gone']) {
      await first.client.inject(name, { payload: {} });
      await expect.poll(() => first.client.getProcess(name).then(({ invocationCount }) => invocationCount), { timeout: 10_000 }).toBe(1);
    }
    await first.host.stop('restart');
    const second = await shop.start();
    expect((await second.client.getProcess('kept')).invocationCount).toBe(1);
    expect((await second.client.getProcess('gone')).invocationCount).toBe(0);
  });
});
