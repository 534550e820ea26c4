import { findRedisServer, redisServer } from '@cortex-runtime/bus/testing/servers';
import { describe, expect, it, onTestFinished } from 'vitest';

import { deadline, workshop } from './cortex.ts';

const agent = (name: string, triggers: string) => `version: "1.0"\nname: ${name}\nmodel: scripted:answers.yaml\ninstructions: Do what is asked.\ntriggers: [${triggers}]\n`;
const answers = `rules:
  - when: { user_contains: takes long }
    respond: { text: "{{run.process_name}} did {{payload.text}}", delay: 4 }
fallback: { text: "{{run.process_name}} did {{payload.text}}" }
`;

function office() {
  const shop = workshop();
  shop.write('agents/answers.yaml', answers);
  shop.write('agents/forge.agent', agent('forge', '{ type: task, task_domains: [eng], task_primary_for: [eng] }, { type: event, event_type: "build.*", event_source: ci }'));
  shop.write('agents/quill.agent', agent('quill', '{ type: task, task_domains: [docs] }, { type: message, topic: releases }'));
  return shop;
}

describe('agents that work together, from the command line', () => {
  it('are asked by name, mention and domain, and told events and messages', async () => {
    const shop = office();
    const { client } = await shop.start();
    expect((await shop.cortex(['agents'])).out).toMatch(/forge +eng +eng +0 +1 host\nquill +docs +0 +1 host\n$/);
    expect(await shop.cortex(['dispatch', 'build it', '--agent', 'FORGE'])).toMatchObject({ code: 0, out: expect.stringMatching(/^forge did build it\n/) as string });
    expect((await shop.cortex(['dispatch', '@quill', 'write it down'])).out).toMatch(/^quill did @quill write it down\n/);
    const asJson = await shop.cortex(['dispatch', 'mend it', '--domain', 'eng', '--priority', 'high', '--id', 't-1', '--json']);
    expect(JSON.parse(asJson.out)).toMatchObject({ status: 'done', task_id: 't-1', result: { status: 'success', agent: 'forge', domain: 'eng', attempts: 1 } });
    expect((await shop.cortex(['result', 't-1'])).out).toMatch(/^forge did mend it\n/);
    expect(await shop.cortex(['dispatch', 'x', '--agent', 'forg'])).toMatchObject({ code: 1, err: expect.stringContaining('did you mean "forge"?') as string });

    expect((await shop.cortex(['emit', 'build.done', '{"text":"a build"}', '--source', 'ci', '--id', 'e-1'])).code).toBe(0);
    expect((await shop.cortex(['publish', 'releases', '--content', '{"version":2}', '--sender', 'ann'])).code).toBe(0);
    const payloads = async (name: string, type: string) => (await client.getJournal(name, { type: 'trigger_event', limit: 500 })).entries.filter(({ data }) => data['trigger_type'] === type).map(({ data }) => data['payload']);
    await expect.poll(() => payloads('forge', 'event'), deadline).toMatchObject([{ event_type: 'build.done', event_id: 'e-1', source: 'ci', data: { text: 'a build' } }]);
    await expect.poll(() => payloads('quill', 'message'), deadline).toMatchObject([{ topic: 'releases', sender: 'ann', content: { version: 2 } }]);
    expect(await client.health()).toMatchObject({ mesh: { ok: true } });
    expect(await client.meshHealth()).toMatchObject({ ok: true, kind: 'memory', latencyMs: expect.any(Number) as number });
  });

  it('stop when a task is taken back, and whoever waits is told so', async () => {
    const shop = office();
    const { client } = await shop.start();
    const waiting = shop.launch(['dispatch', 'what takes long', '--agent', 'forge', '--id', 't-1']);
    await expect.poll(() => client.getProcess('forge').then(({ runningRuns }) => runningRuns), deadline).toBe(1);
    expect(await shop.cortex(['cancel', 't-1', '--reason', 'not needed', '--by', 'ann'])).toMatchObject({ code: 0, out: expect.stringMatching(/t-1 is (asked to stop|taken back)/) as string });
    expect(await waiting.finished).toMatchObject({ code: 1, err: expect.stringMatching(/task t-1 of forge failed \(DISPATCH_CANCELLED\): .*cancelled by ann: not needed/) as string });
    expect(await shop.cortex(['cancel', 't-1', '--json'])).toMatchObject({ code: 0, out: expect.stringContaining('"cancelled": true') as string });
  });

  it.each([['a host on Redis', true], ['a host by itself', false]])('are waited for over a kill -9 of %s that listens elsewhere when it comes back', async (_, onRedis) => {
    if (onRedis && findRedisServer() === undefined) return;
    const server = onRedis ? await redisServer() : undefined;
    onTestFinished(() => server?.stop());
    const shop = office();
    const environment: Record<string, string> = server === undefined ? {} : { CORTEX_REDIS_URL: server.url };
    const first = await shop.start([], environment);
    const waiting = shop.launch(['dispatch', 'what takes long', '--agent', 'forge', '--id', 't-1']);
    await expect.poll(() => first.client.getProcess('forge').then(({ runningRuns }) => runningRuns), deadline).toBe(1);
    await expect.poll(() => waiting.said.err, deadline).toContain('task t-1 is for forge'); // the agent may have begun before the answer was there
    first.child.kill('SIGKILL');
    await first.finished;
    await expect.poll(() => waiting.said.err, deadline).toContain('the host is asked again until the time is over');
    await shop.start([], environment);
    expect(await waiting.finished).toMatchObject({ code: 0, out: expect.stringMatching(/^forge did what takes long\n/) as string });
    expect(await shop.cortex(['dispatch', 'what takes long', '--agent', 'forge', '--id', 't-1'])).toMatchObject({ code: 0, err: expect.stringContaining('had been handed in before') as string });
  });
});
