import { functionTool } from '@cortex-runtime/plugins';
import { registerTriggerType, TriggerStoppedError, unregisterTriggerType, type BaseTrigger } from '@cortex-runtime/triggers';
import { describe, expect, it, onTestFinished } from 'vitest';

import { ProcessStateError } from '../src/index.ts';
import { life, ofType, shiftedClock } from './support/crash.ts';
import { callsTool, eventually, temporaryDirectory, testConfig } from './support/test-runtime.ts';

const modelDown = { onModelCall: () => { throw new Error('model down'); } };
const failsAtOnce = { max_consecutive_failures: 1, trigger_delivery: { max_retries: 0 } };
const startOf2026 = Date.UTC(2026, 0, 1);

/** A trigger type that says when it is started and stopped, and gives nothing. */
function watchedTrigger(type: string, options: { onStart?: () => Promise<void>; onStop?: () => Promise<void> } = {}): string[] {
  const log: string[] = [];
  registerTriggerType(type, (): BaseTrigger => {
    let end: (error: Error) => void = () => {};
    return {
      triggerId: type,
      triggerType: type,
      async start() {
        log.push('start');
        await options.onStart?.();
      },
      async stop() {
        log.push('stop');
        end(new TriggerStoppedError(type));
        await options.onStop?.();
      },
      waitForNext: () => new Promise((_, reject) => (end = reject)),
    };
  });
  onTestFinished(() => void unregisterTriggerType(type));
  return log;
}

/** Lets `parties` callers go on together; one alone waits for ever. */
function meeting(parties: number): () => Promise<void> {
  let here = 0;
  let open: () => void = () => {};
  const all = new Promise<void>((resolve) => (open = resolve));
  return () => {
    here += 1;
    if (here === parties) open();
    return all;
  };
}

// The lifecycle weaknesses L1 to L9 that a runtime of this kind is known for. L3, L4, L5, L6 and L8 are looked at from other sides in lifecycle.test.ts and run.test.ts.
describe('a process', () => {
  it('L1: that was suspended for idleness wakes with the next event, and is not suspended again as soon as somebody resumes it', async () => {
    const clock = shiftedClock(startOf2026);
    let beats = 0;
    const watched = { ...clock, setTimer: (...given: Parameters<typeof clock.setTimer>) => ((beats += given[0] === 5 ? 1 : 0), clock.setTimer(...given)) };
    const { start } = await life(await temporaryDirectory(), { clock: watched });
    const process = await start(testConfig({ idle_timeout: '1h', heartbeat_interval: '5ms' }));
    clock.moveTo(startOf2026 + 2 * 3_600_000);
    await eventually(() => process.state === 'suspended');
    await process.resume();
    const from = beats;
    await eventually(() => beats > from + 5);
    expect(process.state).toBe('running');
    clock.moveTo(startOf2026 + 4 * 3_600_000);
    await eventually(() => process.state === 'suspended');
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    expect(process.state).toBe('running');
  });

  it('L2: whose configuration names a budget says that nothing enforces it yet, rather than pausing for ever', async () => {
    const { start } = await life(await temporaryDirectory());
    const process = await start(testConfig({ budget: { enabled: true, max_runs_per_day: 1 } }));
    for (let index = 0; index < 3; index += 1) await process.inject({ payload: index });
    await eventually(() => process.status().invocation_count === 3);
    expect(process.status().warnings).toEqual([expect.stringMatching(/^budget: .*no effect/)]);
    expect(process.state).toBe('running');
  });

  it('L3: that failed and is restarted by hand has left nothing of its first life, and no restart of its own is pending', async () => {
    const log = watchedTrigger('test-l3');
    const { runtime, start } = await life(await temporaryDirectory(), modelDown);
    const process = await start(testConfig({ ...failsAtOnce, triggers: [{ type: 'test-l3' }, { type: 'webhook', webhook_path: '/in' }], restart_policy: 'always', restart_backoff: '100ms' }));
    await process.inject({ payload: 1 });
    await eventually(() => process.state === 'failed');
    await runtime.restartProcess('worker');
    expect(process.state).toBe('running');
    expect(log).toEqual(['start', 'stop', 'start']);
    await new Promise((resolve) => setTimeout(resolve, 250)); // the restart of the policy would have come by now
    expect(ofType(await process.readJournal(), 'restart')).toEqual([]);
    expect(log).toEqual(['start', 'stop', 'start']);
  });

  it('L4: that failed and is removed keeps no listener and is not revived', async () => {
    const log = watchedTrigger('test-l4');
    const { runtime, start, webhookRoutes } = await life(await temporaryDirectory(), modelDown);
    const process = await start(testConfig({ ...failsAtOnce, triggers: [{ type: 'test-l4' }, { type: 'webhook', webhook_path: '/in' }], restart_policy: 'always', restart_backoff: '50ms' }));
    await process.inject({ payload: 1 });
    await eventually(() => process.state === 'failed');
    await runtime.removeProcess('worker');
    expect(log).toEqual(['start', 'stop']);
    expect(webhookRoutes.find('worker', '/in')).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 150)); // the restart of the policy would have come by now
    expect(log).toEqual(['start', 'stop']);
    expect(process.isLive).toBe(false);
    await start(testConfig({ triggers: [{ type: 'webhook', webhook_path: '/in' }] }));
  });

  it('L4: one of whose runs fails while it is being stopped ends stopped, and stays so', async () => {
    let fail: (() => void) | undefined;
    const { start } = await life(await temporaryDirectory(), { onModelCall: () => new Promise((_, reject) => (fail = () => reject(new Error('model down')))) });
    const process = await start(testConfig({ ...failsAtOnce, restart_policy: 'always', restart_backoff: '5ms', stop_grace: '1m' }));
    await process.inject({ payload: 1 });
    await eventually(() => fail !== undefined);
    const stopped = process.stop();
    await eventually(() => process.state === 'stopping');
    fail?.();
    await stopped;
    await new Promise((resolve) => setTimeout(resolve, 50)); // the restart of the policy would have come by now
    expect(process.state).toBe('stopped');
    expect(process.status().dead_letter_count).toBe(1);
  });

  it('L5: that never ran can be stopped, started after that, and stopped twice', async () => {
    const { runtime } = await life(await temporaryDirectory());
    const process = await runtime.addProcess('worker', testConfig());
    await process.stop();
    await process.stop();
    expect(process.state).toBe('stopped');
    await process.start();
    expect(process.state).toBe('running');
  });

  it('L6: one of whose triggers can not start stops the others and frees their webhooks', async () => {
    const log = watchedTrigger('test-l6');
    watchedTrigger('test-l6-bad', { onStart: () => Promise.reject(new Error('port taken')) });
    const { runtime, webhookRoutes } = await life(await temporaryDirectory());
    const process = await runtime.addProcess('worker', testConfig({ triggers: [{ type: 'test-l6' }, { type: 'webhook', webhook_path: '/in' }, { type: 'test-l6-bad' }] }));
    await expect(process.start()).rejects.toThrow('port taken');
    expect(log).toEqual(['start', 'stop']);
    expect(webhookRoutes.find('worker', '/in')).toBeUndefined();
    expect(process.state).toBe('failed');
  });

  it('L7: closes the connections to its tool servers when it stops, fails, restarts or hibernates', async () => {
    let open = 0;
    let made = 0;
    const tool = functionTool({ name: 'look', description: 'x', input: { type: 'object' }, execute: () => 'ok' });
    const createToolSource = (name: string) => ((made += 1), (open += 1), { name, tools: async () => [tool], close: async () => void (open -= 1) });
    let isDown = false;
    const { runtime, start } = await life(await temporaryDirectory(), { script: callsTool('look'), deps: { createToolSource }, onModelCall: () => { if (isDown) throw new Error('model down'); } });
    const process = await start(testConfig({ ...failsAtOnce, servers: { office: { command: 'true' } } }));
    const work = async () => {
      const before = process.status().invocation_count;
      await process.inject({ payload: 1 });
      await eventually(() => process.status().invocation_count > before && process.status().running_runs === 0);
    };
    await work();
    expect([open, made]).toEqual([1, 1]);
    expect(await eventually(() => process.hibernate())).toBe(true);
    expect(open).toBe(0);
    await work();
    await runtime.restartProcess('worker');
    expect(open).toBe(0);
    await work();
    await process.stop();
    expect(open).toBe(0);
    await process.start();
    isDown = true;
    await process.inject({ payload: 1 });
    await eventually(() => process.state === 'failed' && !process.isLive);
    expect(open).toBe(0);
  });

  it('L8: is awaiting while a person has to decide, refuses moves that are not valid with a ProcessStateError, and ends at its lifetime when suspended too', async () => {
    const directory = await temporaryDirectory();
    let isHanging = false;
    const hanging = functionTool({ name: 'send', description: 'x', input: { type: 'object' }, execute: () => ((isHanging = true), new Promise<never>(() => {})) });
    const first = await (await life(directory, { tools: [hanging], script: callsTool('send') })).start(testConfig());
    await first.inject({ payload: 1 });
    await eventually(() => isHanging);
    const clock = shiftedClock(Date.now());
    const { start } = await life(directory, { clock, tools: [hanging], script: callsTool('send') });
    const process = await start(testConfig({ max_lifetime: '1h', heartbeat_interval: '5ms' }));
    await eventually(() => process.state === 'awaiting');
    const refused = await process.start().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProcessStateError);
    expect(refused).toMatchObject({ code: 'PROCESS_STATE', processId: 'worker', currentState: 'awaiting', attemptedState: 'starting' });
    const [effect] = await process.waitingEffects();
    await process.resolveEffect(effect?.effect_id ?? '', 'happened');
    await eventually(() => process.status().invocation_count === 1);
    expect(process.state).toBe('running');
    await process.suspend();
    clock.moveTo(Date.now() + 2 * 3_600_000);
    await eventually(() => process.state === 'stopped');
    expect(process.status().state_reason).toBe('max_lifetime');
  });
});

describe('a host', () => {
  it('L9: starts and stops its processes side by side, and tells which of them did not', async () => {
    watchedTrigger('test-l9', { onStart: meeting(3), onStop: meeting(3) });
    watchedTrigger('test-l9-bad', { onStart: () => Promise.reject(new Error('port taken')) });
    const { runtime } = await life(await temporaryDirectory());
    for (const name of ['a', 'b', 'c']) await runtime.addProcess(name, testConfig({ triggers: [{ type: 'test-l9' }] }));
    await runtime.addProcess('bad', testConfig({ triggers: [{ type: 'test-l9-bad' }] }));
    const report = await runtime.startAll();
    expect(report.started.sort()).toEqual(['a', 'b', 'c']);
    expect(report.failed).toMatchObject([{ name: 'bad', error: { message: expect.stringContaining('port taken') as string } }]);
    await runtime.stopAll();
    expect(['a', 'b', 'c', 'bad'].map((name) => runtime.getProcess(name).state)).toEqual(['stopped', 'stopped', 'stopped', 'failed']);
  });
});

// Catalogue A3: a hung or crash-looping agent.
describe('an agent that does not behave', () => {
  it('A3: whose tool never answers and hears no signal is cut off, and the outcome is unknown, not repeated', async () => {
    let executed = 0;
    const deaf = functionTool({ name: 'send', description: 'x', input: { type: 'object' }, execute: () => ((executed += 1), new Promise<never>(() => {})) });
    const { start } = await life(await temporaryDirectory(), { tools: [deaf], script: callsTool('send') });
    const process = await start(testConfig({ tool_timeout: '20ms' }));
    await process.inject({ payload: 1 });
    await eventually(() => process.state === 'awaiting');
    expect(await process.waitingEffects()).toMatchObject([{ tool: 'send', reason: expect.stringContaining('no answer within 20 ms') as string }]);
    expect(executed).toBe(1);
  });

  it('A3: whose model never answers is timed out, tried again with growing waits, marked, restarted, and given up after max_restarts', async () => {
    const { start } = await life(await temporaryDirectory(), { onModelCall: () => new Promise<never>(() => {}) });
    const process = await start(
      testConfig({ max_invocation_time: '10ms', max_consecutive_failures: 1, restart_policy: 'on_failure', max_restarts: 2, restart_backoff: '10ms', trigger_delivery: { max_retries: 2, retry_backoff: '4ms' } }),
    );
    for (const eventId of ['a', 'b', 'c', 'd']) await process.inject({ payload: 1, eventId });
    await eventually(async () => ofType(await process.readJournal(), 'restart_exhausted').length === 1);
    const entries = await process.readJournal();
    expect(process.state).toBe('failed');
    expect(ofType(entries, 'restart').map(({ data }) => data['attempt'])).toEqual([1, 2]);
    expect(ofType(entries, 'dead_letter').map(({ data }) => [data['event_id'], data['attempts']])).toEqual([['a', 3], ['b', 3], ['c', 3]]);
    const waits = ofType(entries, 'retry_scheduled').filter(({ data }) => data['event_id'] === 'a').map(({ data, timestamp }) => Number(data['due_at']) - Date.parse(timestamp));
    expect(waits[1]).toBeGreaterThan(waits[0] ?? 0);
    // What it did not get to is not lost.
    expect(process.status().queue_size).toBe(1);
  });

  it('A3: that can not start again is tried with backoff and given up, and the others work on', async () => {
    let starts = 0;
    watchedTrigger('test-a3', { onStart: () => ((starts += 1) === 1 ? Promise.resolve() : Promise.reject(new Error('port taken'))) });
    let isDown = true;
    const { start } = await life(await temporaryDirectory(), { onModelCall: ({ run }) => { if (isDown && run?.processName === 'worker') throw new Error('model down'); } });
    const process = await start(testConfig({ ...failsAtOnce, triggers: [{ type: 'test-a3' }], restart_policy: 'always', max_restarts: 3, restart_backoff: '5ms' }));
    const other = await start(testConfig(), 'other');
    await process.inject({ payload: 1 });
    await eventually(async () => ofType(await process.readJournal(), 'restart_exhausted').length === 1);
    expect(starts).toBe(4);
    expect(process.state).toBe('failed');
    await other.inject({ payload: 1 });
    await eventually(() => other.status().invocation_count === 1);
    isDown = false;
  });
});
