import { functionTool } from '@cortex-runtime/plugins';
import { describe, expect, it } from 'vitest';

import { memoryJournal } from './support/journals.ts';
import { callsTool, eventually, testConfig, testRuntime } from './support/test-runtime.ts';

const types = (entries: readonly { entryType: string }[]) => entries.map((entry) => entry.entryType);

describe('a run', () => {
  it('calls the model, then the tool, then the model, and records each as intent and outcome', async () => {
    const journal = memoryJournal();
    const calls: unknown[] = [];
    const tool = functionTool({ name: 'greet', description: 'x', input: { type: 'object', properties: { who: { type: 'string' } }, required: ['who'] }, execute: (args) => (calls.push(args), 'hello Ada') });
    const runtime = await testRuntime({ journal, tools: [tool], script: callsTool('greet', { who: '{{payload.name}}' }) });
    const process = await runtime.addProcess('greeter', testConfig());
    await process.start();
    const chunks: string[] = [];
    process.subscribe(({ chunk }) => chunks.push(chunk.kind));
    const { outcome } = await process.inject({ payload: { name: 'Ada' } });
    expect(outcome).toBe('accepted');
    await eventually(() => process.status().invocation_count === 1);
    expect(calls).toEqual([{ who: 'Ada' }]);
    const entries = await process.readJournal();
    expect(types(entries)).toEqual([
      'state_transition', 'process_deployed', 'state_transition', 'trigger_event', 'invocation_start',
      'llm_call', 'llm_result', 'tool_call', 'tool_result', 'llm_call', 'llm_result', 'invocation_result',
    ]);
    expect(entries.at(-1)?.data).toMatchObject({ status: 'completed', response: expect.stringMatching(/^done: hello Ada/) as string, turns: 2, tool_calls: 1 });
    expect(new Set(entries.filter((entry) => entry.runId !== undefined).map((entry) => entry.runId)).size).toBe(1);
    expect(chunks.filter((kind) => kind !== 'output')).toEqual(['tool_call', 'tool_result', 'complete']);
  });

  it('serves recorded effects when it is taken up again, and executes none of them twice', async () => {
    const journal = memoryJournal();
    let executed = 0;
    let hold: Promise<void> | undefined;
    let modelCalls = 0;
    const tool = functionTool({ name: 'refund', description: 'x', input: { type: 'object' }, execute: () => ((executed += 1), 'refunded') });
    const first = await testRuntime({
      journal,
      tools: [tool],
      script: callsTool('refund'),
      onModelCall: async () => {
        modelCalls += 1;
        if (modelCalls === 2) await (hold = new Promise(() => {}));
      },
    });
    const process = await first.addProcess('desk', testConfig());
    await process.start();
    await process.inject({ payload: 1, eventId: 'order-1' });
    await eventually(() => hold !== undefined);

    // The first runtime is dropped as a crash would drop it: nothing is stopped, nothing is closed.
    const second = await testRuntime({ journal, tools: [tool], script: callsTool('refund') });
    const again = await second.addProcess('desk', testConfig());
    await again.start();
    await eventually(() => again.status().invocation_count === 1);
    expect(executed).toBe(1);
    const entries = await again.readJournal();
    expect(entries.filter((entry) => entry.entryType === 'tool_call')).toHaveLength(1);
    expect(entries.filter((entry) => entry.entryType === 'invocation_start').map((entry) => entry.data['resumed'])).toEqual([undefined, 'interrupted']);
    expect(again.state).toBe('running');
  });

  it('parks when nobody knows whether a call happened, and goes on as a person decides', async () => {
    const journal = memoryJournal();
    let hold: Promise<never> | undefined;
    let executed = 0;
    const hanging = functionTool({ name: 'refund', description: 'x', input: { type: 'object' }, execute: () => ((executed += 1), (hold = new Promise<never>(() => {}))) });
    const first = await testRuntime({ journal, tools: [hanging], script: callsTool('refund', { order: 7 }) });
    const process = await first.addProcess('desk', testConfig());
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => hold !== undefined);

    const working = functionTool({ name: 'refund', description: 'x', input: { type: 'object' }, execute: () => ((executed += 1), 'refunded') });
    const second = await testRuntime({ journal, tools: [working], script: callsTool('refund', { order: 7 }) });
    const again = await second.addProcess('desk', testConfig());
    await again.start();
    await eventually(() => again.state === 'awaiting');
    const [effect] = await again.waitingEffects();
    expect(effect).toMatchObject({ tool: 'refund', args: { order: 7 } });
    expect(again.status()).toMatchObject({ state: 'awaiting', waiting_effects: 1, running_runs: 0 });
    expect(executed).toBe(1);

    await again.resolveEffect(effect?.effect_id ?? '', 'happened', { result: 'refunded by hand' });
    await eventually(() => again.status().invocation_count === 1);
    expect(executed).toBe(1);
    expect(again.state).toBe('running');
    expect((await again.readJournal()).at(-1)?.data['response']).toMatch(/^done: refunded by hand/);
  });

  it('takes data as the result that a person tells', async () => {
    const journal = memoryJournal();
    let hold: Promise<never> | undefined;
    const tool = functionTool({ name: 'refund', description: 'x', input: { type: 'object' }, execute: () => (hold = new Promise<never>(() => {})) });
    const first = await testRuntime({ journal, tools: [tool], script: callsTool('refund') });
    const process = await first.addProcess('desk', testConfig());
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => hold !== undefined);
    const second = await testRuntime({ journal, tools: [tool], script: callsTool('refund') });
    const again = await second.addProcess('desk', testConfig());
    await again.start();
    const [effect] = await eventually(async () => { const all = await again.waitingEffects(); return all.length > 0 && all; });
    await again.resolveEffect(effect?.effect_id ?? '', 'happened', { result: { letter: 7 } });
    await eventually(() => again.status().invocation_count === 1);
    expect((await again.readJournal()).at(-1)?.data['response']).toContain('{"letter":7}');
  });

  it.each([
    ['not-happened', 1, /did not happen/],
    ['retry', 2, /refunded/],
  ] as const)('%s is settled as it says', async (resolution, executions, response) => {
    const journal = memoryJournal();
    let executed = 0;
    const keys: string[] = [];
    let hold: Promise<never> | undefined;
    const tool = functionTool({
      name: 'refund',
      description: 'x',
      input: { type: 'object' },
      execute: (_, call) => {
        executed += 1;
        keys.push(call.idempotencyKey);
        return executed === 1 ? (hold = new Promise<never>(() => {})) : 'refunded';
      },
    });
    const script = callsTool('refund');
    const first = await testRuntime({ journal, tools: [tool], script });
    const process = await first.addProcess('desk', testConfig());
    await process.start();
    await process.inject({ payload: 1 });
    await eventually(() => hold !== undefined);
    const second = await testRuntime({ journal, tools: [tool], script });
    const again = await second.addProcess('desk', testConfig());
    await again.start();
    const [effect] = await eventually(async () => { const all = await again.waitingEffects(); return all.length > 0 && all; });
    await again.resolveEffect(effect?.effect_id ?? '', resolution);
    await eventually(() => again.status().invocation_count === 1);
    expect(executed).toBe(executions);
    expect(new Set(keys).size).toBe(1);
    expect((await again.readJournal()).at(-1)?.data['response']).toMatch(response);
  });

  it('tries a failed run again as the same run, then gives the event up to the dead letters', async () => {
    const journal = memoryJournal();
    let failing = true;
    const runtime = await testRuntime({ journal, onModelCall: () => { if (failing) throw new Error('model down'); } });
    const process = await runtime.addProcess('worker', testConfig({ trigger_delivery: { max_retries: 2 } }));
    await process.start();
    await process.inject({ payload: 1, eventId: 'e-1' });
    await eventually(() => process.status().dead_letter_count === 1);
    const starts = (await process.readJournal()).filter((entry) => entry.entryType === 'invocation_start');
    expect(starts.map((entry) => entry.data['attempt'])).toEqual([1, 2, 3]);
    expect(new Set(starts.map((entry) => entry.runId)).size).toBe(1);
    expect(await process.deadLetters()).toMatchObject([{ reason: 'retries exhausted', attempts: 3, event: { eventId: 'e-1' } }]);
    failing = false;
    expect(await process.redeliver('e-1')).toEqual(['e-1']);
    await eventually(() => process.status().invocation_count === 1);
    expect(process.status().dead_letter_count).toBe(0);
  });

  it('takes an event of one id once', async () => {
    const journal = memoryJournal();
    const runtime = await testRuntime({ journal });
    const process = await runtime.addProcess('worker', testConfig());
    await process.start();
    const outcomes = await Promise.all([1, 2, 3].map((n) => process.inject({ payload: n, eventId: 'same' })));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['accepted', 'duplicate', 'duplicate']);
    await eventually(() => process.status().invocation_count === 1);
  });
});
