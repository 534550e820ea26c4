import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { functionTool } from '@cortex-runtime/plugins';
import { describe, expect, it } from 'vitest';

import { changedDisk, deliver, life, ofType, shiftedClock, violations } from './support/crash.ts';
import { callsTool, eventually, temporaryDirectory, testConfig } from './support/test-runtime.ts';

const never = () => new Promise<never>(() => {});

// The durability weaknesses D1 to D17 that a runtime of this kind is known for, one test or more each. Elsewhere as well: D1, D2, D15 with a real SIGKILL in
// cli/test/kill.test.ts and cli/test/crash.test.ts; D7, D8 below the runtime in journal/test; D10 in lifecycle.test.ts; D14 in triggers/src/cron; D15 in host/test/webhook-forging.test.ts
// and server/test/hooks.test.ts (413).
describe('what survives a crash', () => {
  it('D1: an event is acknowledged only when it is on stable storage', async () => {
    let holds = false;
    const synced: (() => void)[] = [];
    const disk = changedDisk((file) => ({
      async datasync() {
        if (holds) await new Promise<void>((resolve) => synced.push(resolve));
        await file.datasync();
      },
    }));
    const { start, webhookRoutes } = await life(await temporaryDirectory(), { disk });
    const process = await start(testConfig({ triggers: [{ type: 'webhook', webhook_path: '/in' }] }));
    await process.suspend();
    holds = true;
    const answers: unknown[] = [];
    const injected = process.inject({ payload: 1 }).then(() => answers.push('injected'));
    const delivered = deliver(webhookRoutes, 'worker', '/in', 'd-1').then(([status]) => answers.push(status));
    await eventually(() => synced.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 30)); // long enough for an answer that does not wait
    expect(answers).toEqual([]);
    holds = false;
    for (const release of synced) release();
    await Promise.all([injected, delivered]);
    expect(answers.sort()).toEqual([202, 'injected']);
  });

  it('D1: events that were accepted and not begun are run after a crash, in their order', async () => {
    const directory = await temporaryDirectory();
    const first = await (await life(directory)).start(testConfig());
    await first.suspend();
    for (let index = 0; index < 200; index += 1) await first.inject({ payload: index, eventId: `e-${index}` });

    const seen: string[] = [];
    const { start } = await life(directory, { onModelCall: ({ messages }) => void seen.push(/event_id=(\S+)/.exec(messages.at(-1)?.content ?? '')?.[1] ?? '') });
    const again = await start(testConfig());
    expect(again.status()).toMatchObject({ state: 'suspended', queue_size: 200 });
    await again.resume();
    await eventually(() => again.status().queue_size === 0);
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => `e-${index}`));
    expect(await violations(again)).toEqual([]);
  });

  it.each(['full', 'checkpoint'])('D2: a crash in the middle of a run at level %s leaves the event pending, and it is run to its end', async (level) => {
    const directory = await temporaryDirectory();
    let isThinking = false;
    const first = await (await life(directory, { onModelCall: () => ((isThinking = true), never()) })).start(testConfig({ journal: { level } }));
    await first.inject({ payload: 1, eventId: 'the-event' });
    await eventually(() => isThinking);

    const again = await (await life(directory)).start(testConfig({ journal: { level } }));
    await eventually(() => again.status().invocation_count === 1);
    const entries = await again.readJournal();
    expect(ofType(entries, 'trigger_event')).toHaveLength(1);
    expect(ofType(entries, 'invocation_start').map(({ data }) => [data['event_id'], data['resumed']])).toEqual([['the-event', undefined], ['the-event', 'interrupted']]);
    expect(await violations(again)).toEqual([]);
  });

  it('D3: a retry goes on where the run failed and repeats no tool call that is recorded', async () => {
    let executed = 0;
    let modelCalls = 0;
    const tool = functionTool({ name: 'refund', description: 'x', input: { type: 'object' }, execute: () => ((executed += 1), 'refunded') });
    const { start } = await life(await temporaryDirectory(), {
      tools: [tool],
      script: callsTool('refund'),
      onModelCall: () => {
        modelCalls += 1;
        if (modelCalls === 2 || modelCalls === 3) throw new Error('model down');
      },
    });
    const process = await start(testConfig({ trigger_delivery: { max_retries: 5 } }));
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    expect(ofType(await process.readJournal(), 'error')).toHaveLength(2);
    expect(executed).toBe(1);
    expect(modelCalls).toBe(4);
  });

  it('D3: the repeated part of a repeatable call carries the key of the first', async () => {
    const directory = await temporaryDirectory();
    const keys: string[] = [];
    const tool = (execute: () => Promise<string> | string) =>
      functionTool({ name: 'set', description: 'x', input: { type: 'object' }, onUnknown: 'retry', execute: (_, { idempotencyKey }) => (keys.push(idempotencyKey), execute()) });
    const first = await (await life(directory, { tools: [tool(never)], script: callsTool('set') })).start(testConfig());
    await first.inject({ payload: 1 });
    await eventually(() => keys.length === 1);
    const again = await (await life(directory, { tools: [tool(() => 'ok')], script: callsTool('set') })).start(testConfig());
    await eventually(() => again.status().invocation_count === 1);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it('D4: start() reads everything back by itself: conversation, state, counters, failure streak, waiting retries', async () => {
    const directory = await temporaryDirectory();
    const config = testConfig({ max_consecutive_failures: 50, trigger_delivery: { max_retries: 3, retry_backoff: '1h', retry_backoff_max: '1h' } });
    const { start } = await life(directory, { onModelCall: ({ messages }) => { if (messages.at(-1)?.content.includes('poison') === true) throw new Error('model down'); } });
    const first = await start(config);
    for (const word of ['one', 'two']) await first.inject({ payload: word });
    await eventually(() => first.status().invocation_count === 2);
    await first.context.put('mood', 'good');
    await first.inject({ payload: 'poison' });
    await eventually(() => first.status().pending_retries === 1 && first.status().running_runs === 0);

    const prompts: string[] = [];
    const again = await (await life(directory, { onModelCall: ({ messages }) => void prompts.push(messages.map(({ content }) => content).join('\n')) })).start(config);
    expect(again.status()).toMatchObject({ state: 'running', invocation_count: 2, conversation_messages: 4, pending_retries: 1, queue_size: 1 });
    expect(again.context.get('mood')).toBe('good');
    await again.inject({ payload: 'three' });
    await eventually(() => again.status().invocation_count === 3);
    expect(prompts[0]).toContain('[inject] one');
    expect(prompts[0]).toContain('"mood":"good"');
  });

  it('D5: what was spent stays spent', async () => {
    const directory = await temporaryDirectory();
    const deps = { costOf: () => 0.25 };
    const first = await (await life(directory, { deps })).start(testConfig());
    for (let index = 0; index < 4; index += 1) await first.inject({ payload: index });
    await eventually(() => first.status().invocation_count === 4);
    expect(first.status().cost).toBe(1);
    const again = await (await life(directory, { deps })).start(testConfig());
    expect(again.status().cost).toBe(1);
  });

  it('D6: a change of the state is durable when put() resolves, without a checkpoint and without a run', async () => {
    const directory = await temporaryDirectory();
    const first = await (await life(directory)).start(testConfig());
    await first.context.put('step', 1, { source: 'test' });
    await first.context.put('step', 2, { source: 'test' });
    const again = await (await life(directory)).start(testConfig());
    expect(again.context.get('step')).toBe(2);
    expect(again.context.stateHistory('step').map(({ value }) => value)).toEqual([1, 2]);
  });

  it.each(['cut short', 'overwritten', 'emptied'])('D7: checkpoints that are %s cost time and nothing else', async (damage) => {
    const directory = await temporaryDirectory();
    const first = await (await life(directory, { runtime: { checkpointEvery: 5 } })).start(testConfig());
    for (let index = 0; index < 6; index += 1) await first.inject({ payload: index });
    await eventually(() => first.status().invocation_count === 6 && first.status().running_runs === 0);
    await first.context.put('kept', 'yes');
    const files = await eventually(async () => { const all = await filesBelow(join(directory, 'checkpoints')); return all.length > 0 && all; });
    for (const file of files) {
      const bytes = await readFile(file);
      await writeFile(file, damage === 'emptied' ? '' : damage === 'cut short' ? bytes.subarray(0, bytes.length / 2) : bytes.map((byte, index) => (index % 97 === 50 ? byte ^ 1 : byte)));
    }
    const again = await (await life(directory)).start(testConfig());
    expect(again.status()).toMatchObject({ invocation_count: 6, conversation_messages: 12 });
    expect(again.context.get('kept')).toBe('yes');
  });

  it('D8: a torn last line is cut off, and everything before it is there', async () => {
    const directory = await temporaryDirectory();
    const first = await (await life(directory)).start(testConfig());
    await first.suspend();
    for (const eventId of ['a', 'b']) await first.inject({ payload: 1, eventId });
    const segment = (await filesBelow(join(directory, 'segments'))).filter((file) => file.endsWith('.jsonl')).sort().at(-1) ?? '';
    const bytes = await readFile(segment);
    const end = bytes.length - [...bytes].reverse().findIndex((byte) => byte !== 0 && byte !== 32 && byte !== 10);
    await writeFile(segment, Buffer.concat([bytes.subarray(0, end), Buffer.from('\n{"v":1,"seq":99,"process_id":"wor')]));
    const again = await (await life(directory)).start(testConfig());
    expect(again.status().queue_size).toBe(2);
    expect((await again.inject({ payload: 1, eventId: 'b' })).outcome).toBe('duplicate');
    expect((await again.inject({ payload: 1, eventId: 'c' })).outcome).toBe('accepted');
  });

  // J3, J4.
  it.each(['ENOSPC', 'EIO'])('D9: when the journal can not be written (%s) the process fails, takes nothing more, and loses nothing that it had taken', async (code) => {
    const directory = await temporaryDirectory();
    let isFull = false;
    const fail = () => Promise.reject(Object.assign(new Error(`${code}: the disk says no`), { code }));
    const disk = changedDisk((file) => ({
      write: (data, position) => (isFull && code === 'ENOSPC' ? fail() : file.write(data, position)),
      datasync: () => (isFull && code === 'EIO' ? fail() : file.datasync()),
    }));
    const { start, webhookRoutes } = await life(directory, { disk });
    const config = testConfig({ triggers: [{ type: 'webhook', webhook_path: '/in' }] });
    const process = await start(config);
    await process.suspend();
    await process.inject({ payload: 1, eventId: 'before' });
    isFull = true;
    await expect(process.inject({ payload: 1, eventId: 'during' })).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
    await eventually(() => process.state === 'failed');
    expect(process.status().state_reason).toMatch(/journal|disk/i);
    await expect(process.inject({ payload: 1, eventId: 'after' })).rejects.toMatchObject({ code: 'EVENT_REFUSED', retryable: true });
    expect((await deliver(webhookRoutes, 'worker', '/in', 'd-1'))[0]).not.toBe(202);
    isFull = false;

    const again = await (await life(directory)).start(config);
    await again.resume();
    await eventually(() => again.status().queue_size === 0 && again.status().invocation_count > 0);
    const accepted = ofType(await again.readJournal(), 'trigger_event').map(({ data }) => data['event_id']);
    expect(accepted).toContain('before');
    expect(accepted).not.toContain('after');
    expect(await violations(again)).toEqual([]);
  });

  it('D10: a recycled process lets its run end first; the event has its result', async () => {
    let release: (() => void) | undefined;
    const tool = functionTool({ name: 'slow', description: 'x', input: { type: 'object' }, execute: () => new Promise<string>((resolve) => (release = () => resolve('ok'))) });
    const clock = shiftedClock(Date.UTC(2026, 0, 1));
    const { start } = await life(await temporaryDirectory(), { clock, tools: [tool], script: callsTool('slow') });
    const process = await start(testConfig({ max_lifetime: '1h', heartbeat_interval: '5ms', restart_policy: 'always', stop_grace: '1m' }));
    await process.inject({ payload: 1, eventId: 'e-1' });
    await eventually(() => release !== undefined);
    clock.moveTo(Date.UTC(2026, 0, 1, 2));
    await eventually(() => process.state === 'stopping');
    release?.();
    await eventually(() => process.state === 'running' && process.lifecycle.history.some(({ reason }) => reason === 'max_lifetime'));
    expect(process.status()).toMatchObject({ invocation_count: 1, dead_letter_count: 0, queue_size: 0 });
  });

  it('D11: an event that is not run is a dead letter with its reason, never a silent success', async () => {
    const tool = functionTool({ name: 'again', description: 'x', input: { type: 'object' }, execute: () => 'more' });
    const again = { tool_calls: [{ name: 'again', arguments: {} }] };
    const endless = { rules: [{ when: { turn: 1 }, respond: again }, { when: { after_tool: 'any' }, respond: again }] };
    const { start } = await life(await temporaryDirectory(), { tools: [tool], script: endless });
    const process = await start(testConfig({ max_turns: 2, max_consecutive_failures: 50 }));
    for (const eventId of ['a', 'b', 'c']) await process.inject({ payload: 1, eventId });
    await eventually(() => process.status().dead_letter_count === 3);
    expect(process.status()).toMatchObject({ invocation_count: 0, consecutive_failures: 3, queue_size: 0 });
    expect((await process.deadLetters()).map(({ event, reason, error }) => [event.eventId, reason, error])).toEqual(['a', 'b', 'c'].map((id) => [id, 'not retryable', expect.stringMatching(/2 turns/)]));
    expect(await violations(process)).toEqual([]);
  });

  it('D12: dead letters are there after a crash, all of them in the journal, and can be delivered again then', async () => {
    const directory = await temporaryDirectory();
    const config = testConfig({ max_consecutive_failures: 100, trigger_delivery: { max_retries: 0, dead_letter_size: 5 } });
    const first = await (await life(directory, { onModelCall: () => { throw new Error('model down'); } })).start(config);
    for (let index = 0; index < 8; index += 1) await first.inject({ payload: index, eventId: `e-${index}` });
    await eventually(() => first.status().dead_letter_count === 8);

    const again = await (await life(directory)).start(config);
    expect(again.status().dead_letter_count).toBe(8);
    expect((await again.deadLetters()).map(({ event }) => event.eventId)).toEqual(['e-3', 'e-4', 'e-5', 'e-6', 'e-7']);
    expect(ofType(await again.readJournal(), 'dead_letter')).toHaveLength(8);
    expect(await again.redeliver('e-7')).toEqual(['e-7']);
    await eventually(() => again.status().invocation_count === 1);
    const third = await (await life(directory)).start(config);
    expect(third.status()).toMatchObject({ dead_letter_count: 7, invocation_count: 1, queue_size: 0 });
  });

  it('D13: a suspended process holds its events in order and sets no timers', async () => {
    let timers = 0;
    const real = shiftedClock(Date.now());
    const clock = { ...real, setTimer: (...given: Parameters<typeof real.setTimer>) => ((timers += 1), real.setTimer(...given)) };
    const seen: unknown[] = [];
    const { start } = await life(await temporaryDirectory(), { clock, onModelCall: ({ messages }) => void seen.push(/event_id=(\S+)/.exec(messages.at(-1)?.content ?? '')?.[1]) });
    const process = await start(testConfig());
    await process.suspend();
    const ids = Array.from({ length: 30 }, (_, index) => `e-${index}`);
    for (const eventId of ids) await process.inject({ payload: 1, eventId });
    timers = 0;
    await new Promise((resolve) => setTimeout(resolve, 600)); // the described system turns its queue twice a second
    expect(timers).toBe(0);
    expect(process.status().queue_size).toBe(30);
    await process.resume();
    await eventually(() => process.status().invocation_count === 30);
    expect(seen).toEqual(ids);
  });

  // C5: down for three occurrences.
  it.each([
    ['skip', []],
    ['once', ['2026-01-01T03:00:00.000Z']],
    ['all', ['2026-01-01T01:00:00.000Z', '2026-01-01T02:00:00.000Z', '2026-01-01T03:00:00.000Z']],
  ])('D14: with misfire %s, occurrences that were missed while the host was down are made up for as it says, once', async (misfire, expected) => {
    const directory = await temporaryDirectory();
    const config = testConfig({ triggers: [{ type: 'cron', cron_expression: '0 * * * *', misfire }] });
    const clock = shiftedClock(Date.UTC(2026, 0, 1, 0, 30));
    await (await life(directory, { clock })).start(config);
    clock.moveTo(Date.UTC(2026, 0, 1, 3, 5));
    const again = await (await life(directory, { clock })).start(config);
    await eventually(() => again.status().invocation_count === expected.length);
    const third = await (await life(directory, { clock })).start(config);
    const control = await third.inject({ payload: 'after the clock', eventId: 'control' });
    expect(control.outcome).toBe('accepted');
    await eventually(() => third.status().invocation_count === expected.length + 1);
    const times = ofType(await third.readJournal(), 'trigger_event').filter(({ data }) => data['trigger_type'] === 'cron').map(({ data }) => (data['payload'] as { scheduled_time: string }).scheduled_time);
    expect(times).toEqual(expected);
  });

  it('D15: a delivery is taken once, also over a crash and after its run has ended', async () => {
    const directory = await temporaryDirectory();
    const config = testConfig({ triggers: [{ type: 'webhook', webhook_path: '/in' }] });
    const one = await life(directory);
    const first = await one.start(config);
    expect(await deliver(one.webhookRoutes, 'worker', '/in', 'd-1')).toEqual([202, 'accepted']);
    await eventually(() => first.status().invocation_count === 1);
    expect(await deliver(one.webhookRoutes, 'worker', '/in', 'd-1')).toEqual([200, 'duplicate']);
    const two = await life(directory);
    const again = await two.start(config);
    expect(await deliver(two.webhookRoutes, 'worker', '/in', 'd-1')).toEqual([200, 'duplicate']);
    expect(await deliver(two.webhookRoutes, 'worker', '/in', 'd-2')).toEqual([202, 'accepted']);
    await eventually(() => again.status().invocation_count === 2);
    expect(ofType(await again.readJournal(), 'trigger_event')).toHaveLength(2);
  });

  it('D16: what is deployed is in the journal, each change once, and an operator’s stop is remembered', async () => {
    const directory = await temporaryDirectory();
    const one = await life(directory);
    const first = await one.start(testConfig({ instructions: 'Be kind.' }));
    await first.context.put('kept', 1);
    await (await life(directory)).start(testConfig({ instructions: 'Be kind.' }));
    const three = await life(directory);
    const third = await three.start(testConfig({ instructions: 'Be brief.' }));
    const deployed = ofType(await third.readJournal(), 'process_deployed').map(({ data }) => (data['config'] as { instructions: string }).instructions);
    expect(deployed).toEqual(['Be kind.', 'Be brief.']);
    expect(third.context.get('kept')).toBe(1);
    await three.runtime.stopProcess('worker');
    const four = await life(directory);
    await four.runtime.addProcess('worker', testConfig({ instructions: 'Be brief.' }));
    expect((await four.runtime.startAll()).skipped.map(({ name }) => name)).toEqual(['worker']);
  });

  it.each(['event', 'message'])('D17: a trigger of type %s without a bus says what is missing instead of listening to nothing', async (type) => {
    const { runtime } = await life(await temporaryDirectory());
    const process = await runtime.addProcess('worker', testConfig({ triggers: [{ type, event_type: 'order.paid', topic: 'orders' }] }));
    await expect(process.start()).rejects.toThrow(/bus|broker/);
    expect(process.state).toBe('failed');
    expect(process.status().state_reason).toMatch(/bus|broker/);
  });
});

async function filesBelow(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

