import { CortexError, InvalidInputError, type JsonObject } from '@cortex-runtime/core';
import type { Tool } from '@cortex-runtime/plugins';
import { describe, expect, it } from 'vitest';

import type { AgentProcess, EventOutcome, ReplyPort } from '../src/index.ts';
import { ofType, violations } from './support/crash.ts';
import { fileJournal, memoryJournal } from './support/journals.ts';
import { callsTool, eventually, temporaryDirectory, testConfig, testRuntime, type TestRuntimeOptions } from './support/test-runtime.ts';

const wants = (n: number): { payload: JsonObject; metadata: JsonObject; eventId: string } => ({ payload: { n }, metadata: { reply_to: { kind: 'test', room: `R${n}` } }, eventId: `e${n}` });

class Away extends CortexError {
  readonly code = 'AWAY';
  override readonly retryable = true;
}

/** Whoever asked. `answer` may throw, to be away. */
class Asker implements ReplyPort {
  readonly outcomes: EventOutcome[] = [];
  readonly pieces: string[] = [];
  onDeliver: (outcome: EventOutcome) => void | Promise<void> = () => {};

  async deliver(outcome: EventOutcome): Promise<void> {
    await this.onDeliver(outcome);
    this.outcomes.push(outcome);
  }

  piece(agent: string, replyTo: JsonObject, text: string): void {
    this.pieces.push(`${agent} ${String(replyTo['room'])} ${text}`);
  }

  discard(agent: string, replyTo: JsonObject): void {
    this.pieces.push(`${agent} ${String(replyTo['room'])} discards`);
  }
}

async function clerk(asker: ReplyPort | undefined, options: Partial<TestRuntimeOptions> = {}, config: JsonObject = {}) {
  const runtime = await testRuntime({ journal: memoryJournal(), ...options, deps: { ...options.deps, ...(asker === undefined ? {} : { replies: asker }) } });
  const process = await runtime.addProcess('clerk', testConfig(config));
  await process.start();
  return process;
}

const settled = (process: AgentProcess) => eventually(() => process.status().due_replies === 0 && process.status().running_runs === 0 && process.status().queue_size === 0, 'every answer to be delivered');
const long = 'x'.repeat(5_000);

describe('an event that wants an answer', () => {
  it('is answered with the whole text, once, with what it cost', async () => {
    const asker = new Asker();
    const process = await clerk(asker, { script: { fallback: { text: long } } });
    await process.inject(wants(1));
    await eventually(() => asker.outcomes.length === 1);
    await settled(process);
    const [outcome] = asker.outcomes;
    expect(outcome).toMatchObject({ agent: 'clerk', eventId: 'e1', replyTo: { kind: 'test', room: 'R1' }, status: 'completed', error: null, attempts: 1, turns: 1, cost: 0, usage: { inputTokens: expect.any(Number) as number } });
    expect(outcome?.text).toContain(long);
    expect(asker.pieces.join('')).toContain('clerk R1 ');
    expect(ofType(await process.readJournal(), 'reply_delivered').map(({ data }) => data['event_id'])).toEqual(['e1']);
    await process.inject({ payload: {} });
    await eventually(() => process.status().invocation_count === 2);
    expect(asker.outcomes).toHaveLength(1);
    expect(await violations(process)).toEqual([]);
  });

  it('is told that it was given up, and why; delivered again, it is answered again', async () => {
    const asker = new Asker();
    let isBroken = true;
    const process = await clerk(asker, { onModelCall: () => { if (isBroken) throw new Error('the model is gone'); } }, { trigger_delivery: { max_retries: 1 } });
    await process.inject(wants(1));
    await eventually(() => asker.outcomes.length === 1);
    expect(asker.outcomes[0]).toMatchObject({ status: 'failed', text: null, error: 'retries exhausted: the model is gone', attempts: 2, durationMs: null });
    expect(asker.pieces).toEqual(['clerk R1 discards']);
    isBroken = false;
    await process.redeliver();
    await eventually(() => asker.outcomes.length === 2);
    expect(asker.outcomes[1]).toMatchObject({ status: 'completed', eventId: 'e1' });
    await settled(process);
    expect(await violations(process)).toEqual([]);
  });

  it('is answered when its asker comes back, and others are meanwhile', async () => {
    const asker = new Asker();
    let isAway = true;
    asker.onDeliver = ({ eventId }) => {
      if (isAway && eventId === 'e1') throw new Away('nobody is there');
    };
    const process = await clerk(asker, {}, { concurrency: 4 });
    await process.inject(wants(1));
    await process.inject(wants(2));
    await eventually(() => asker.outcomes.length === 1);
    expect(process.status().due_replies).toBe(1);
    expect(await process.hibernate()).toBe(false);
    isAway = false;
    await settled(process);
    expect(asker.outcomes.map(({ eventId }) => eventId)).toEqual(['e2', 'e1']);
  });

  it('is answered by the next life of its host, once, when this one ends before', async () => {
    const directory = await temporaryDirectory();
    const never = new Asker();
    never.onDeliver = () => new Promise<void>(() => {});
    const first = await clerk(never, { journal: await fileJournal(directory) });
    await first.inject(wants(1));
    await eventually(() => first.status().invocation_count === 1);

    const asker = new Asker();
    const second = await clerk(asker, { journal: await fileJournal(directory) });
    await settled(second);
    expect(asker.outcomes).toMatchObject([{ eventId: 'e1', status: 'completed' }]);
    const third = await clerk(asker, { journal: await fileJournal(directory) });
    await settled(third);
    expect(asker.outcomes).toHaveLength(1);
    expect(await violations(third)).toEqual([]);
  });

  it('keeps no process from stopping whose asker hangs, nor one that nobody can answer for from hibernating', async () => {
    const hangs = new Asker();
    hangs.onDeliver = () => new Promise<void>(() => {});
    const process = await clerk(hangs);
    await process.inject(wants(1));
    await eventually(() => process.status().invocation_count === 1);
    await process.stop();
    expect(process.state).toBe('stopped');
    expect(process.status().due_replies).toBe(1);

    const alone = await clerk(undefined, { journal: await fileJournal(await temporaryDirectory()) });
    await alone.inject(wants(1));
    await eventually(() => alone.status().invocation_count === 1 && alone.status().running_runs === 0);
    expect(await alone.hibernate()).toBe(true);
    expect(alone.status().due_replies).toBe(1);
  });

  it('gives up what can never be delivered, and says so in the journal', async () => {
    const asker = new Asker();
    asker.onDeliver = () => {
      throw new InvalidInputError('reply_to', 'makes no sense');
    };
    const process = await clerk(asker);
    await process.inject(wants(1));
    await eventually(() => process.status().invocation_count === 1);
    await settled(process);
    expect(ofType(await process.readJournal(), 'reply_failed').map(({ data }) => data)).toMatchObject([{ event_id: 'e1', error: expect.stringContaining('makes no sense') as string }]);
  });
});

describe('an event that is cancelled', () => {
  const slowTool = (called: string[]): Tool => ({
    name: 'think', description: 'Thinks.', inputSchema: { type: 'object' }, onUnknown: 'ask', isReadOnly: false,
    execute: (_args, { signal, effectId }) => {
      called.push(effectId);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });

  it('is closed without a run when it waits, cut off when it runs, and whoever asked is told', async () => {
    const asker = new Asker();
    const called: string[] = [];
    const process = await clerk(asker, { tools: [slowTool(called)], script: callsTool('think') });
    await process.inject(wants(1));
    await process.inject(wants(2));
    await process.inject(wants(3));
    await eventually(() => called.length === 1);
    expect(await process.cancelEvent('e2', 'cancelled by ada')).toBe(true);
    expect(await process.cancelEvent('e1', 'cancelled by ada: too slow')).toBe(true);
    expect(await process.cancelEvent('e1', 'again')).toBe(false);
    expect(await process.cancelEvent('never', 'x')).toBe(false);
    await eventually(() => called.length === 2);
    expect(asker.outcomes.map(({ eventId, status, error }) => [eventId, status, error])).toEqual([['e2', 'cancelled', 'cancelled by ada'], ['e1', 'cancelled', 'cancelled by ada: too slow']]);
    expect(process.status()).toMatchObject({ consecutive_failures: 0, invocation_count: 0, dead_letter_count: 2 });
    expect(await process.cancelEvent('e3', 'enough')).toBe(true);
    await settled(process);
    expect(await violations(process)).toEqual([]);
  });

  it('is taken from a run that waits for a person, also while the process hibernates', async () => {
    const asker = new Asker();
    const called: string[] = [];
    const hanging: Tool = { ...slowTool(called), execute: (_args, { effectId }) => { called.push(effectId); return new Promise(() => {}); }, timeoutMs: 20 };
    const process = await clerk(asker, { journal: await fileJournal(await temporaryDirectory()), tools: [hanging], script: callsTool('think') });
    await process.inject(wants(1));
    await eventually(() => process.state === 'awaiting' && process.status().running_runs === 0);
    expect(await process.hibernate()).toBe(true);
    expect(await process.cancelEvent('e1', 'cancelled by ada')).toBe(true);
    await eventually(() => asker.outcomes.length === 1);
    expect(asker.outcomes[0]).toMatchObject({ status: 'cancelled' });
    await eventually(() => process.state === 'running', 'the process to wait for nobody');
    expect(await process.waitingEffects()).toEqual([]);
    expect(await violations(process)).toEqual([]);
  });

  it('wakes no process that has nothing open', async () => {
    const process = await clerk(undefined, { journal: await fileJournal(await temporaryDirectory()) });
    expect(await process.hibernate()).toBe(true);
    expect(await process.cancelEvent('e1', 'x')).toBe(false);
    expect(process.isHibernating).toBe(true);
  });
});
