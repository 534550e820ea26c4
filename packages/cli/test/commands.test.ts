import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { manifestTemplates } from '@cortex-runtime/manifest';
import { readHostFile } from '@cortex-runtime/host';
import { describe, expect, it } from 'vitest';

import { deadline, scriptedAgent, workshop } from './cortex.ts';

const answers = 'fallback: { text: "You said {{payload.text}}" }';

function withAgents(...names: string[]) {
  const shop = workshop();
  for (const name of names) for (const [path, text] of Object.entries(scriptedAgent(name, answers))) shop.write(path, text);
  return shop;
}

describe('cortex', () => {
  it('ends with 2 and one line when the command is written wrongly', async () => {
    const shop = workshop();
    for (const args of [['bogus'], ['inject', 'x'], ['journal', 'x', '-n', 'many'], ['status', '--colour'], ['resolve', 'x', 'perhaps'], ['init', 'x', '--template', 'bsic'], ['init', '1x'], ['start', '--port', '70000'], ['status', '--url', 'nonsense']]) {
      const { code, err, out } = await shop.cortex(args);
      expect([args, code, err.trim().split('\n').length]).toEqual([args, 2, 1]);
      expect(err).toMatch(/^error: /);
      expect(out).toBe('');
    }
    expect((await shop.cortex(['init', 'x', '--template', 'bsic'])).err).toContain('did you mean basic?');
  });

  it('says what to do when there is nothing', async () => {
    const shop = workshop();
    expect(await shop.cortex(['start'])).toMatchObject({ code: 1, err: expect.stringMatching(/no agents here.*cortex init/) as string });
    expect(await shop.cortex(['start', 'nowhere'])).toMatchObject({ code: 1, err: expect.stringContaining('nothing at nowhere') as string });
    expect(await shop.cortex(['status'])).toMatchObject({ code: 1, err: expect.stringContaining('cortex start') as string });
    expect(await shop.cortex(['verify'])).toMatchObject({ code: 1, err: expect.stringContaining('holds no journal') as string });
    expect(JSON.parse((await shop.cortex(['status', '--json'])).out)).toMatchObject({ error: { code: 'HOST_NOT_RUNNING' } });
    expect(existsSync(join(shop.dataDirectory, 'host.json'))).toBe(false);
  });

  it('writes manifests that are valid, and does not replace a file unasked', async () => {
    const shop = workshop();
    for (const template of manifestTemplates) {
      expect((await shop.cortex(['init', template, '--template', template])).code).toBe(0);
      expect((await shop.cortex(['validate', `${template}.agent`])).code).toBe(0);
    }
    expect(await shop.cortex(['init', 'basic'])).toMatchObject({ code: 1, err: expect.stringContaining('--force') as string });
    expect((await shop.cortex(['init', 'basic', '--force'])).code).toBe(0);
  });

  it('finds every mistake of a manifest with its place', async () => {
    const shop = workshop();
    shop.write('agents/good.agent', 'name: good\ninstructions: x\n');
    shop.write('agents/bad.agent', 'name: bad\ntriggers:\n  - type: cron\n    cron_expresion: "* * * * *"\nmodle: x\n');
    const { code, out } = await shop.cortex(['validate', 'agents']);
    expect(code).toBe(1);
    expect(out).toMatch(/agents\/bad\.agent:4:\d+: triggers\[0\]\.cron_expresion: .*cron_expression/);
    expect(out).toMatch(/agents\/bad\.agent:5:\d+: modle: .*model/);
    expect(out).toContain('1 of 2 manifests not valid');
    const verdicts = JSON.parse((await shop.cortex(['validate', 'agents', '--json'])).out) as { file: string; valid: boolean }[];
    expect(verdicts.map(({ file, valid }) => [file, valid])).toEqual([['agents/bad.agent', false], ['agents/good.agent', true]]);
  });

  it('runs agents, shows them, wakes them and stops them', async () => {
    const shop = withAgents('watcher', 'clerk');
    shop.write('agents/broken.agent', 'name: broken\ncolour: red\n');
    const host = await shop.start();
    expect(host.said.out).toContain('2 agents at work');
    expect(host.said.out).toMatch(/broken\.agent:2:1: colour/);
    await expect.poll(() => host.said.out).toContain('no language model is at work');

    expect((await shop.cortex(['inject', 'watcher', '{"text":"hello"}'])).code).toBe(0);
    expect((await shop.cortex(['inject', 'watcher', '--payload', '-', '--event-id', 'e-1'], '{"text":"from input"}')).code).toBe(0);
    shop.write('event.json', '{"text":"from a file"}');
    expect((await shop.cortex(['inject', 'watcher', '--payload', '@event.json', '--event-id', 'e-1'])).out).toContain('before');
    expect(await shop.cortex(['inject', 'watcher', '--payload', '{text:1}'])).toMatchObject({ code: 2, err: expect.stringContaining('is not JSON') as string });
    expect(await shop.cortex(['inject', 'wacher', '--payload', '1'])).toMatchObject({ code: 1, err: expect.stringContaining('watcher') as string });
    await expect.poll(() => host.client.getProcess('watcher').then(({ invocationCount }) => invocationCount), deadline).toBe(2);
    await expect.poll(() => host.said.out, deadline).toMatch(/watcher +inject +run 2 +✓ 0 tools/);

    const table = (await shop.cortex(['status'])).out;
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(table).toMatch(/watcher +running +2/);
    const status = JSON.parse((await shop.cortex(['status', 'watcher', '--json'])).out) as Record<string, unknown>;
    expect(status).toMatchObject({ name: 'watcher', process_id: 'watcher', state: 'running', invocation_count: 2, running_runs: 0, waiting_effects: 0, is_language_model: false });
    for (const key of ['execution_mode', 'consecutive_failures', 'restart_count', 'journal_enabled', 'trigger_count', 'dynamic_trigger_count', 'custom_tool_count', 'rebuild_count', 'spawned_process_count', 'conversation_messages', 'has_memory', 'queue_size', 'dead_letter_count', 'filtered_count', 'pending_retries', 'uptime_seconds']) {
      expect(Object.keys(status)).toContain(key);
    }

    const journal = (await shop.cortex(['journal', 'watcher', '-n', '2', '--type', 'invocation_result', '--json'])).out.trim().split('\n').map((line) => JSON.parse(line) as { data: { response: string } });
    expect(journal.map(({ data }) => data.response)).toEqual([expect.stringContaining('You said hello'), expect.stringContaining('You said from input')]);
    expect((await shop.cortex(['logs', '-n', '1000'])).out).toContain('the host is ready');

    expect((await shop.cortex(['suspend', 'clerk'])).out).toContain('clerk is suspended');
    expect((await shop.cortex(['resume', 'clerk'])).out).toContain('clerk is running');
    expect((await shop.cortex(['stop', 'clerk'])).out).toContain('clerk is stopped');

    expect((await shop.cortex(['stop'])).out).toContain('the host has stopped');
    expect(await host.finished).toMatchObject({ code: 0 });
    expect(readHostFile(shop.dataDirectory)).toBeUndefined();

    // 12.2: what an operator stopped stays stopped, over a restart of the host too.
    const again = await shop.start();
    expect((await again.client.getProcess('clerk')).state).toBe('stopped');
    expect((await again.client.getProcess('watcher')).invocationCount).toBe(2);
    expect((await shop.cortex(['restart', 'clerk'])).out).toContain('clerk is running');
  });

  // 12.5: `--detach` returned and the agents died with the process.
  it('leaves a detached host at work', async () => {
    const shop = withAgents('watcher');
    const { code, out } = await shop.cortex(['start', '--detach', '--json']);
    expect(code).toBe(0);
    const { pid, agents } = JSON.parse(out) as { pid: number; agents: object[] };
    expect(agents).toEqual([{ name: 'watcher', state: 'running' }]);
    expect((await shop.cortex(['status', '--json'])).code).toBe(0);
    expect(readHostFile(shop.dataDirectory)?.pid).toBe(pid);
    expect(await shop.cortex(['start', '--detach'])).toMatchObject({ code: 1, err: expect.stringContaining('in use') as string });
    expect((await shop.cortex(['stop'])).code).toBe(0);
  });

  // 12.1 D10: stop cancelled the runs that were under way.
  it('lets a run finish when it is told to stop', async () => {
    const shop = workshop();
    for (const [path, text] of Object.entries(scriptedAgent('thinker', 'fallback: { text: "done thinking", delay: 2 }'))) shop.write(path, text);
    const host = await shop.start();
    await host.client.inject('thinker', { payload: {} });
    await expect.poll(() => host.client.getProcess('thinker').then(({ runningRuns }) => runningRuns), deadline).toBe(1);
    host.child.kill('SIGTERM');
    expect(await host.finished).toMatchObject({ code: 0 });
    expect(host.said.out).toMatch(/run 1 +✓.*done thinking/);
    const report = JSON.parse((await shop.cortex(['verify', '--json'])).out) as { is_intact: boolean; history: { events: object } };
    expect(report).toMatchObject({ is_intact: true, history: { events: { accepted: 1, closed: 1, pending: 0 } } });
  });

  it('follows a journal and a log as they grow', async () => {
    const shop = withAgents('watcher');
    const { client } = await shop.start();
    const journal = shop.launch(['journal', 'watcher', '-f', '--type', 'invocation_result,trigger_event']);
    const log = shop.launch(['logs', '-f', '-n', '0']);
    // Whoever follows has seen the present before the future begins.
    await client.inject('watcher', { payload: { text: 'first' }, eventId: 'first' });
    await expect.poll(() => journal.said.out, deadline).toContain('You said first');
    await client.inject('watcher', { payload: { text: 'second' } });
    await expect.poll(() => journal.said.out, deadline).toContain('You said second');
    expect(journal.said.out.match(/You said first/g)).toHaveLength(1);
    await client.stopProcess('watcher');
    await client.shutdown();
    await expect.poll(() => log.said.out, deadline).toContain('the host is stopping');
    expect(log.said.out).not.toContain('the host is ready');
    // The host is gone: following its journal ends with a word, following its log goes on.
    expect(await journal.finished).toMatchObject({ code: 1, err: expect.stringContaining('no answer') as string });
  });

  it('ends at once on a second signal, and loses nothing by it', async () => {
    const shop = workshop();
    for (const [path, text] of Object.entries(scriptedAgent('thinker', 'fallback: { text: "done thinking", delay: 4 }'))) shop.write(path, text);
    const host = await shop.start();
    await host.client.inject('thinker', { payload: {} });
    await expect.poll(() => host.client.getProcess('thinker').then(({ runningRuns }) => runningRuns), deadline).toBe(1);
    host.child.kill('SIGINT');
    await expect.poll(() => host.said.out, deadline).toContain('once more ends at once');
    host.child.kill('SIGINT');
    expect((await host.finished).code).toBe(130);
    expect(host.said.out).not.toContain('done thinking');
    const again = await shop.start();
    await expect.poll(() => again.client.getJournal('thinker', { type: 'invocation_result' }).then(({ count }) => count), deadline).toBe(1);
  });

  // 12.1 D12: dead letters were in memory only and out of reach.
  it('keeps dead letters over a restart, and takes them back in', async () => {
    const shop = workshop();
    const more = 'trigger_delivery: { max_retries: 0 }\nconfig: { max_consecutive_failures: 10, max_turns: 1 }';
    const loops = 'rules:\n  - respond: { tool_calls: [{ name: office__now, arguments: {} }] }\n  - when: { after_tool: any }\n    respond: { tool_calls: [{ name: office__now, arguments: {} }] }\n';
    for (const [path, text] of Object.entries(scriptedAgent('looper', loops, { more }))) shop.write(path, text);
    const first = await shop.start();
    await first.client.inject('looper', { payload: {}, eventId: 'lost-one' });
    await expect.poll(() => first.client.getProcess('looper').then(({ deadLetterCount }) => deadLetterCount), deadline).toBe(1);
    first.child.kill('SIGKILL');
    await first.finished;
    const second = await shop.start();
    expect((await shop.cortex(['dead-letters', 'looper'])).out).toContain('lost-one');
    expect((await shop.cortex(['dead-letters', 'looper', '--redeliver'])).out).toContain('took 1 event back in');
    await expect.poll(() => second.client.getJournal('looper', { type: 'dead_letter' }).then(({ count }) => count), deadline).toBe(2);
    expect((await shop.cortex(['dead-letters', 'looper', '--clear'])).out).toContain('forgot 1 dead letter');
    expect(JSON.parse((await shop.cortex(['dead-letters', 'looper', '--json'])).out)).toEqual([]);
  });

  it('finds a damaged journal, refuses to start on it, and repairs it', async () => {
    const shop = withAgents('watcher');
    const host = await shop.start();
    for (const text of ['a', 'b', 'c']) await host.client.inject('watcher', { payload: { text }, eventId: text });
    await expect.poll(() => host.client.getProcess('watcher').then(({ invocationCount }) => invocationCount), deadline).toBe(3);
    host.child.kill('SIGKILL');
    await host.finished;
    expect((await shop.cortex(['verify'])).code).toBe(0);
    const segment = join(shop.dataDirectory, 'segments/0000000001.jsonl');
    shop.write('.cortex/segments/0000000001.jsonl', readFileSync(segment, 'utf8').replace('"payload":{"text":"a"}', '"payload":{"text":"x"}'));
    const found = await shop.cortex(['verify']);
    expect([found.code, found.out.includes('damaged: ')]).toEqual([1, true]);
    const refused = await shop.cortex(['start']);
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/0000000001\.jsonl.*verify --repair/s) as string });
    const repaired = await shop.cortex(['verify', '--repair']);
    expect([repaired.code, repaired.out.includes('set aside')]).toEqual([0, true]);
    await shop.start();
  });
});
