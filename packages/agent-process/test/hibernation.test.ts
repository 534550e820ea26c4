import { functionTool } from '@cortex-runtime/plugins';
import { fixedClock } from '@cortex-runtime/core/testing';
import { createWebhookRoutes } from '@cortex-runtime/triggers';
import { describe, expect, it } from 'vitest';

import { ProcessHibernatedError } from '../src/index.ts';
import { fileJournal } from './support/journals.ts';
import { callsTool, eventually, temporaryDirectory, testConfig, testRuntime } from './support/test-runtime.ts';

describe('hibernation', () => {
  it('lets the state leave memory and brings it back, the same, with the next event', async () => {
    const journal = await fileJournal(await temporaryDirectory());
    const tool = functionTool({ name: 'count', description: 'x', input: { type: 'object' }, execute: () => 'one' });
    const runtime = await testRuntime({ journal, tools: [tool], script: callsTool('count') });
    const process = await runtime.addProcess('sleeper', testConfig({ context: { initial_state: { colour: 'green' } } }));
    await process.start();
    await process.inject({ payload: 1, eventId: 'a' });
    await eventually(() => process.status().invocation_count === 1 && process.status().running_runs === 0);
    const { hibernated: _, uptime_seconds: __, warnings: ___, ...before } = process.status();
    expect(await eventually(() => process.hibernate())).toBe(true);
    expect(process.status()).toMatchObject({ ...before, hibernated: true });
    expect(() => process.context).toThrow(ProcessHibernatedError);
    expect((await process.inject({ payload: 1, eventId: 'a' })).outcome).toBe('duplicate');
    expect(process.isHibernating).toBe(false);
    expect(process.context.get('colour')).toBe('green');
    expect(process.status()).toMatchObject({ ...before, hibernated: false });
    await process.hibernate();
    await process.inject({ payload: 2, eventId: 'b' });
    await eventually(() => process.status().invocation_count === 2);
    await journal.close();
  });

  it('does not hibernate while a run is open or an event waits', async () => {
    let release: (() => void) | undefined;
    const journal = await fileJournal(await temporaryDirectory());
    const tool = functionTool({ name: 'slow', description: 'x', input: { type: 'object' }, execute: () => new Promise<string>((resolve) => (release = () => resolve('ok'))) });
    const runtime = await testRuntime({ journal, tools: [tool], script: callsTool('slow') });
    const process = await runtime.addProcess('worker', testConfig());
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => release !== undefined);
    expect(await process.hibernate()).toBe(false);
    release?.();
    await eventually(() => process.status().invocation_count === 1);
    await eventually(() => process.hibernate());
  });

  it('does not wait for a person: a run whose call nobody knows about is settled after it', async () => {
    const directory = await temporaryDirectory();
    let hold: Promise<never> | undefined;
    const hanging = functionTool({ name: 'pay', description: 'x', input: { type: 'object' }, execute: () => (hold = new Promise<never>(() => {})) });
    const first = await (await testRuntime({ journal: await fileJournal(directory), tools: [hanging], script: callsTool('pay') })).addProcess('worker', testConfig());
    await first.start();
    await first.inject({ payload: 1 });
    await eventually(() => hold !== undefined);
    const calendar = { triggers: [{ type: 'cron', cron_expression: '0 0 1 1 *', misfire: 'skip' }] };
    const again = await (await testRuntime({ journal: await fileJournal(directory), tools: [hanging], script: callsTool('pay') })).addProcess('worker', testConfig(calendar));
    await again.start();
    await eventually(() => again.state === 'awaiting' && again.status().running_runs === 0);
    await eventually(() => again.hibernate());
    expect(again.status()).toMatchObject({ state: 'awaiting', hibernated: true, waiting_effects: 1 });
    const [effect] = await again.waitingEffects();
    await again.hibernate();
    await again.resolveEffect(effect?.effect_id ?? '', 'happened', { result: 'paid' });
    await eventually(() => again.status().invocation_count === 1);
    expect(again.state).toBe('running');
  });

  it('happens by itself after a while without work', async () => {
    const journal = await fileJournal(await temporaryDirectory());
    const runtime = await testRuntime({ journal, runtime: { hibernateAfterMs: 20 } });
    await runtime.addProcess('one', testConfig());
    await runtime.addProcess('two', testConfig());
    await runtime.startAll();
    await eventually(() => [...runtime.processes.values()].every((process) => process.isHibernating));
    expect(runtime.status().processes['one']).toMatchObject({ state: 'running', hibernated: true });
    await runtime.stopAll();
    expect(runtime.getProcess('one').state).toBe('stopped');
  });
});

describe('recovery from disk', () => {
  it('brings back conversation, state, counters, dead letters and pending events, from a checkpoint and its tail', async () => {
    const directory = await temporaryDirectory();
    let failing = false;
    const options = { onModelCall: () => { if (failing) throw new Error('model down'); } };
    const first = await testRuntime({ journal: await fileJournal(directory), ...options, runtime: { checkpointEvery: 10 } });
    const process = await first.addProcess('worker', testConfig({ trigger_delivery: { max_retries: 0 }, max_consecutive_failures: 50 }));
    await process.start();
    for (let index = 0; index < 10; index += 1) await process.inject({ payload: index });
    await eventually(() => process.status().invocation_count === 10);
    await process.context.put('seen', 10, { source: 'test' });
    failing = true;
    await process.inject({ payload: 'bad', eventId: 'bad' });
    await eventually(() => process.status().dead_letter_count === 1 && process.status().running_runs === 0);
    await process.suspend();
    await process.inject({ payload: 'later', eventId: 'later' });
    const { uptime_seconds: _, ...before } = process.status();

    // Nothing is closed: this is what kill -9 leaves.
    failing = false;
    const second = await testRuntime({ journal: await fileJournal(directory), ...options });
    const again = await second.addProcess('worker', testConfig({ trigger_delivery: { max_retries: 0 }, max_consecutive_failures: 50 }));
    await again.start();
    const { uptime_seconds: __, ...after } = again.status();
    expect(after).toEqual({ ...before });
    expect(after).toMatchObject({ state: 'suspended', invocation_count: 10, conversation_messages: 20, dead_letter_count: 1, queue_size: 1 });
    expect(again.context.stateHistory('seen')).toMatchObject([{ value: 10, source: 'test' }]);
    await again.resume();
    await eventually(() => again.status().invocation_count === 11);
    expect((await again.deadLetters())[0]?.event.eventId).toBe('bad');
  });
});

describe('rewind', () => {
  it('makes the conversation and the state of an earlier entry hold again, over a crash too, and leaves events and counts alone', async () => {
    const directory = await temporaryDirectory();
    const first = await testRuntime({ journal: await fileJournal(directory) });
    const process = await first.addProcess('worker', testConfig());
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    await process.context.put('mood', 'good');
    const seq = (await process.readJournal()).at(-1)?.seq ?? 0;
    await process.context.put('mood', 'bad');
    await process.inject({ payload: 2, eventId: 'two' });
    await eventually(() => process.status().invocation_count === 2);
    await process.rewind(seq, { reason: 'it went wrong' });
    expect(process.context.get('mood')).toBe('good');
    expect(process.status()).toMatchObject({ conversation_messages: 2, invocation_count: 2 });

    const second = await testRuntime({ journal: await fileJournal(directory) });
    const again = await second.addProcess('worker', testConfig());
    await again.start();
    expect(again.context.get('mood')).toBe('good');
    expect(again.status()).toMatchObject({ conversation_messages: 2, invocation_count: 2 });
    expect((await again.inject({ payload: 2, eventId: 'two' })).outcome).toBe('duplicate');
    await expect(again.rewind(100_000)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('rest', () => {
  /** An agent that is woken by nothing but a distant occurrence of its calendar. */
  const yearly = { triggers: [{ type: 'cron', cron_expression: '0 0 1 1 *' }] };

  it('leaves of an agent that waits for its calendar one entry of the scheduler, and its status as it was', async () => {
    const journal = await fileJournal(await temporaryDirectory());
    const runtime = await testRuntime({ journal });
    const process = await runtime.addProcess('yearly', testConfig(yearly));
    await process.start();
    const { hibernated: _, uptime_seconds: __, warnings: ___, ...before } = process.status();
    await process.hibernate();
    expect(process.isLive).toBe(true);
    expect(process.status()).toMatchObject({ ...before, hibernated: true, trigger_count: 1 });
    await expect(process.start()).rejects.toMatchObject({ code: 'PROCESS_STATE' });
    expect((await process.readConfig()).triggers).toHaveLength(1);
  });

  it('is ended by an event, by resume, and by a stop', async () => {
    const journal = await fileJournal(await temporaryDirectory());
    const runtime = await testRuntime({ journal });
    const process = await runtime.addProcess('yearly', testConfig(yearly));
    await process.start();
    await process.hibernate();
    await process.inject({ payload: 1 });
    await eventually(() => process.status().invocation_count === 1);
    await eventually(() => process.hibernate());
    await process.suspend();
    await process.hibernate();
    await process.resume();
    await process.inject({ payload: 2 });
    await eventually(() => process.status().invocation_count === 2);
    await eventually(() => process.hibernate());
    await process.stop();
    expect(process.status()).toMatchObject({ state: 'stopped', trigger_count: 0 });
    expect(process.isLive).toBe(false);
    await process.start();
    expect(process.status()).toMatchObject({ state: 'running', trigger_count: 1 });
  });

  it('ends when the occurrence is due, which then runs once', async () => {
    const clock = fixedClock(Date.parse('2026-03-01T11:59:00Z'));
    const journal = await fileJournal(await temporaryDirectory(), { clock });
    const runtime = await testRuntime({ journal, clock });
    const process = await runtime.addProcess('noon', testConfig({ triggers: [{ type: 'cron', cron_expression: '0 12 * * *' }] }));
    await process.start();
    await process.hibernate();
    expect(process.isHibernating).toBe(true);
    await clock.advance(59_000);
    expect(process.isHibernating).toBe(true);
    await clock.advance(2_000);
    await eventually(() => process.status().invocation_count === 1);
    const events = await process.readJournal({ entryType: 'trigger_event' });
    expect(events.map((entry) => (entry.data['payload'] as { scheduled_time: string }).scheduled_time)).toEqual(['2026-03-01T12:00:00.000Z']);
  });

  it('is not for agents that something else than the calendar wakes', async () => {
    const journal = await fileJournal(await temporaryDirectory());
    const routes = createWebhookRoutes();
    const runtime = await testRuntime({ journal, deps: { webhookRoutes: routes } });
    const process = await runtime.addProcess('desk', testConfig({ triggers: [{ type: 'webhook', webhook_path: '/orders' }, ...yearly.triggers] }));
    await process.start();
    await process.hibernate();
    expect(process.isHibernating).toBe(true);
    expect(routes.find('desk', '/orders')).toBeDefined();
  });
});
