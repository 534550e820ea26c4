import { registerTriggerType, TriggerStoppedError, unregisterTriggerType, type BaseTrigger, type TriggerEvent } from '@cortex-runtime/triggers';
import { functionTool } from '@cortex-runtime/plugins';
import { describe, expect, it, onTestFinished } from 'vitest';

import { EventRefusedError, ProcessStateError, type AgentRuntime } from '../src/index.ts';
import { memoryJournal } from './support/journals.ts';
import { callsTool, eventually, testConfig, testRuntime } from './support/test-runtime.ts';

/** A trigger type whose events the test gives, and that says what became of them. */
function handTrigger(type: string, options: { failsToStart?: boolean; canReject?: boolean } = {}) {
  const waiting: ((event: TriggerEvent) => void)[] = [];
  const queue: TriggerEvent[] = [];
  const log: string[] = [];
  let stop: ((error: Error) => void) | undefined;
  registerTriggerType(type, (): BaseTrigger => ({
    triggerId: type,
    triggerType: type,
    async start() {
      if (options.failsToStart === true) throw new Error('port taken');
      log.push('start');
    },
    async stop() {
      log.push('stop');
      stop?.(new TriggerStoppedError(type));
    },
    waitForNext: () =>
      new Promise((resolve, reject) => {
        stop = reject;
        const next = queue.shift();
        if (next === undefined) waiting.push(resolve);
        else resolve(next);
      }),
    acknowledge: async (event, outcome) => void log.push(`${event.eventId} ${outcome}`),
    ...(options.canReject === true ? { reject: async (event: TriggerEvent) => void log.push(`${event.eventId} rejected`) } : {}),
  }));
  onTestFinished(() => void unregisterTriggerType(type));
  return {
    log,
    give(eventId: string) {
      const event: TriggerEvent = { triggerId: type, triggerType: type, eventId, timestamp: 0, payload: {}, metadata: {}, cause: [] };
      const next = waiting.shift();
      if (next === undefined) queue.push(event);
      else next(event);
    },
  };
}

describe('AgentProcess', () => {
  it('goes from created over running to stopped and back, and records every move', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('worker', testConfig());
    expect(process.state).toBe('created');
    await process.start();
    expect(process.state).toBe('running');
    await expect(process.start()).rejects.toBeInstanceOf(ProcessStateError);
    await process.suspend();
    await process.resume();
    await process.stop();
    expect(process.state).toBe('stopped');
    await process.stop();
    await process.start();
    const moves = (await process.readJournal()).filter((entry) => entry.entryType === 'state_transition').map((entry) => entry.data['to_state']);
    expect(moves).toEqual(['starting', 'running', 'suspended', 'running', 'stopping', 'stopped', 'starting', 'running']);
  });

  it('stops a process that never ran', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('worker', testConfig());
    await process.stop();
    expect(process.state).toBe('stopped');
  });

  it('keeps events while it is suspended, in order and without polling, and runs them after', async () => {
    const seen: unknown[] = [];
    const runtime = await testRuntime({ journal: memoryJournal(), onModelCall: (request) => void seen.push(/event_id=(\S+)/.exec(request.messages.at(-1)?.content ?? '')?.[1]) });
    const process = await runtime.addProcess('worker', testConfig());
    await process.start();
    await process.suspend('maintenance');
    for (const eventId of ['a', 'b', 'c']) expect((await process.inject({ payload: 1, eventId })).outcome).toBe('accepted');
    expect(process.status()).toMatchObject({ state: 'suspended', state_reason: 'maintenance', queue_size: 3 });
    await process.resume();
    await eventually(() => process.status().invocation_count === 3);
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it('refuses events when it does not run', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('worker', testConfig());
    await expect(process.inject({ payload: 1 })).rejects.toBeInstanceOf(EventRefusedError);
    await process.start();
    await process.stop();
    await expect(process.inject({ payload: 1 })).rejects.toMatchObject({ code: 'EVENT_REFUSED', retryable: true });
  });

  it('is failed when a trigger can not start, with nothing of it left running', async () => {
    const good = handTrigger('test-good');
    handTrigger('test-bad', { failsToStart: true });
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('worker', testConfig({ triggers: [{ type: 'test-good' }, { type: 'test-bad' }] }));
    await expect(process.start()).rejects.toThrow('port taken');
    expect(process.state).toBe('failed');
    expect(process.status().state_reason).toMatch(/port taken/);
    expect(good.log).toEqual(['start', 'stop']);
    expect(process.isLive).toBe(false);
  });

  it('acknowledges an event of a trigger only when it is durable, and tells it what was filtered or refused', async () => {
    const hand = handTrigger('test-hand', { canReject: true });
    const journal = memoryJournal();
    const runtime = await testRuntime({ journal });
    const process = await runtime.addProcess('worker', testConfig({ triggers: [{ type: 'test-hand', filter_expression: "event_id != 'skip'" }], trigger_delivery: { max_pending: 1 } }));
    await process.start();
    await process.suspend();
    hand.give('a');
    await eventually(() => hand.log.includes('a accepted'));
    hand.give('a');
    await eventually(() => hand.log.includes('a duplicate'));
    hand.give('skip');
    await eventually(() => hand.log.includes('skip filtered'));
    hand.give('b');
    await eventually(() => hand.log.includes('b rejected'));
    expect(process.status()).toMatchObject({ filtered_count: 1, queue_size: 1 });
  });

  it('finishes its runs before it stops', async () => {
    let release: (() => void) | undefined;
    const tool = functionTool({ name: 'slow', description: 'x', input: { type: 'object' }, execute: () => new Promise<string>((resolve) => (release = () => resolve('ok'))) });
    const runtime = await testRuntime({ journal: memoryJournal(), tools: [tool], script: callsTool('slow') });
    const process = await runtime.addProcess('worker', testConfig({ stop_grace: '1m' }));
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => release !== undefined);
    const stopped = process.stop();
    expect(process.status().running_runs).toBe(1);
    release?.();
    await stopped;
    expect(process.status()).toMatchObject({ state: 'stopped', invocation_count: 1, queue_size: 0 });
  });

  it('cuts off runs after the grace period, and goes on with them at the next start', async () => {
    let calls = 0;
    const tool = functionTool({ name: 'slow', description: 'x', input: { type: 'object' }, onUnknown: 'retry', execute: () => ((calls += 1) === 1 ? new Promise<string>(() => {}) : 'ok') });
    const runtime = await testRuntime({ journal: memoryJournal(), tools: [tool], script: callsTool('slow') });
    const process = await runtime.addProcess('worker', testConfig());
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => calls === 1);
    await process.stop();
    expect(process.status()).toMatchObject({ state: 'stopped', invocation_count: 0, dead_letter_count: 0 });
    await process.start();
    await eventually(() => process.status().invocation_count === 1);
    expect(calls).toBe(2);
  });

  it('fails after too many given-up events in a row, keeps what is pending, and is restarted by its policy', async () => {
    let failing = true;
    const runtime = await testRuntime({ journal: memoryJournal(), onModelCall: () => { if (failing) throw new Error('model down'); } });
    const process = await runtime.addProcess('worker', testConfig({ max_consecutive_failures: 2, restart_policy: 'on_failure', max_restarts: 5, restart_backoff: '20ms', trigger_delivery: { max_retries: 0 } }));
    const states: string[] = [];
    process.lifecycle.onTransition((transition) => void states.push(transition.toState));
    await process.start();
    for (const eventId of ['a', 'b', 'c']) await process.inject({ payload: 1, eventId });
    await eventually(() => states.includes('failed'));
    expect(process.status().dead_letter_count).toBeGreaterThanOrEqual(2);
    failing = false;
    await eventually(() => process.state === 'running' && process.status().invocation_count >= 1);
    expect(process.status().restart_count).toBe(0);
  });

  it('gives up restarting after max_restarts without a success, and says so', async () => {
    const runtime = await testRuntime({ journal: memoryJournal(), onModelCall: () => { throw new Error('model down'); } });
    const process = await runtime.addProcess('worker', testConfig({ max_consecutive_failures: 1, restart_policy: 'always', max_restarts: 2, restart_backoff: '1ms', trigger_delivery: { max_retries: 0 } }));
    await process.start();
    for (const eventId of ['a', 'b', 'c', 'd']) await process.inject({ payload: 1, eventId }).catch(() => {});
    await eventually(async () => (await process.readJournal()).some((entry) => entry.entryType === 'restart_exhausted'));
    expect(process.state).toBe('failed');
    expect((await process.readJournal()).filter((entry) => entry.entryType === 'restart').map((entry) => entry.data['attempt'])).toEqual([1, 2]);
    expect(process.status().queue_size).toBe(1);
  });

  it('is not revived by a pending restart once it was stopped or removed', async () => {
    const runtime = await testRuntime({ journal: memoryJournal(), onModelCall: () => { throw new Error('model down'); } });
    const process = await runtime.addProcess('worker', testConfig({ max_consecutive_failures: 1, restart_policy: 'always', restart_backoff: '50ms', trigger_delivery: { max_retries: 0 } }));
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => process.state === 'failed');
    await runtime.removeProcess('worker');
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(process.isLive).toBe(false);
    expect(runtime.processes.size).toBe(0);
  });

  it('suspends when idle and wakes on the next event', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('worker', testConfig({ idle_timeout: '20ms', heartbeat_interval: '5ms' }));
    await process.start();
    await eventually(() => process.state === 'suspended');
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    expect((await process.readJournal()).filter((entry) => entry.entryType === 'state_transition').map((entry) => entry.data['reason'])).toContain('idle timeout');
  });

  it.each([['never', 'stopped'], ['always', 'running']] as const)('with restart_policy %s is %s after its lifetime', async (restart_policy, state) => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('worker', testConfig({ max_lifetime: '30ms', heartbeat_interval: '5ms', restart_policy }));
    await process.start();
    await eventually(() => process.lifecycle.history.some(({ toState, reason }) => toState === 'stopped' && reason === 'max_lifetime'));
    await eventually(() => process.state === state);
  });

  it('runs up to `concurrency` events at the same time, each with its own effects', async () => {
    let open = 0;
    let most = 0;
    const runtime = await testRuntime({
      journal: memoryJournal(),
      onModelCall: async () => {
        open += 1;
        most = Math.max(most, open);
        await eventually(() => most >= 3 || undefined);
        open -= 1;
      },
    });
    const process = await runtime.addProcess('worker', testConfig({ concurrency: 3 }));
    await process.start();
    for (let index = 0; index < 6; index += 1) await process.inject({ payload: index });
    await eventually(() => process.status().invocation_count === 6);
    expect(most).toBe(3);
  });

  it('gives up a run that takes longer than max_invocation_time', async () => {
    const runtime = await testRuntime({ journal: memoryJournal(), onModelCall: () => new Promise(() => {}) });
    const process = await runtime.addProcess('worker', testConfig({ max_invocation_time: '20ms', trigger_delivery: { max_retries: 0 } }));
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => process.status().dead_letter_count === 1);
    expect((await process.deadLetters())[0]?.error).toMatch(/max_invocation_time/);
  });
});

describe('AgentRuntime', () => {
  it('leaves a process that an operator stopped alone when the host starts again', async () => {
    const journal = memoryJournal();
    const first = await testRuntime({ journal });
    await first.addProcess('stopped-by-hand', testConfig());
    await first.addProcess('running', testConfig());
    await first.startAll();
    await first.stopProcess('stopped-by-hand');
    await first.close();
    const second: AgentRuntime = await testRuntime({ journal });
    await second.addProcess('stopped-by-hand', testConfig());
    await second.addProcess('running', testConfig());
    const report = await second.startAll();
    expect(report.started).toEqual(['running']);
    expect(report.skipped).toMatchObject([{ name: 'stopped-by-hand', reason: expect.stringMatching(/operator/) as string }]);
  });

  it('reports each process that can not start, and starts the others', async () => {
    handTrigger('test-broken', { failsToStart: true });
    const runtime = await testRuntime({ journal: memoryJournal() });
    await runtime.addProcess('broken', testConfig({ triggers: [{ type: 'test-broken' }] }));
    await runtime.addProcess('fine', testConfig());
    const report = await runtime.startAll();
    expect(report.started).toEqual(['fine']);
    expect(report.failed.map(({ name }) => name)).toEqual(['broken']);
  });

  it('lets a removed process begin anew', async () => {
    const journal = memoryJournal();
    const runtime = await testRuntime({ journal });
    const process = await runtime.addProcess('worker', testConfig({ context: { initial_state: { n: 1 } } }));
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    await runtime.removeProcess('worker');
    const again = await runtime.addProcess('worker', testConfig());
    await again.start();
    expect(again.status()).toMatchObject({ invocation_count: 0, conversation_messages: 0 });
    expect(again.context.stateKeys()).toEqual([]);
  });

  it('names the nearest process when there is none of a name', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    await runtime.addProcess('order-desk', testConfig());
    expect(() => runtime.getProcess('order-dsk')).toThrow(/did you mean "order-desk"/);
    await expect(runtime.addProcess('order-desk', testConfig())).rejects.toMatchObject({ code: 'PROCESS_EXISTS' });
    await expect(runtime.addProcess('1bad', testConfig())).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('references to the environment', () => {
  it('are resolved when a trigger starts, and stand in the journal as they were written', async () => {
    const journal = memoryJournal();
    const runtime = await testRuntime({ journal, deps: { environment: { HOOK_SECRET: 'canary-5cc1' } } });
    const process = await runtime.addProcess('desk', testConfig({ triggers: [{ type: 'webhook', webhook_path: '/o', hmac_secret: '${HOOK_SECRET}' }], instructions: 'Serve ${SHOP:-the shop}.' }));
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    expect(process.status().trigger_count).toBe(1);
    const text = JSON.stringify(await process.readJournal());
    expect(text).toContain('${HOOK_SECRET}');
    expect(text).not.toContain('canary-5cc1');
  });

  it('that can not be resolved keep the process from starting, with the field and the variable', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('desk', testConfig({ triggers: [{ type: 'webhook', hmac_secret: '${HOOK_SECRET}' }] }));
    await expect(process.start()).rejects.toThrow(/triggers\[0\].*HOOK_SECRET/);
    expect(process.state).toBe('failed');
  });
});
