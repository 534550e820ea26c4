import { CortexError, idGenerator, type JsonValue } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe, expect, it } from 'vitest';

import { checkHistory, EffectDeferredError, effectsProjection, EffectLog, InMemoryJournal, ProcessLog, type EffectToRun, type Journal, type PendingWrite } from '../index.ts';

const clock = systemClock;
const openJournal = () => new InMemoryJournal({ clock, createId: idGenerator({ clock, random: systemRandom }) });

/** The process as it is after a start: what it did before is in the journal only. */
async function start(journal: Journal, level: 'full' | 'checkpoint' = 'full') {
  const log = new ProcessLog({ journal }, { processId: 'p', projections: { effects: effectsProjection }, level });
  await log.recover();
  return { log, effects: new EffectLog({ log, clock }) };
}

const pay: EffectToRun = { effectId: 'run-1/0/0', runId: 'run-1', kind: 'tool', name: 'pay', input: { euros: 5 }, onUnknown: 'ask', details: { tool_call_id: 'c1' } };
const paid: JsonValue = { content: 'paid', is_error: false };
const never = () => Promise.reject(new Error('was executed'));

/** Begins an effect and "crashes": its outcome is never recorded. */
async function interrupt(journal: Journal, effect: EffectToRun): Promise<void> {
  const { effects } = await start(journal);
  await new Promise<void>((begun) => void effects.run(effect, () => new Promise(() => begun())));
}

describe('an effect', () => {
  it('is served from the journal after a restart and never executed again', async () => {
    const journal = openJournal();
    expect(await (await start(journal)).effects.run(pay, async () => paid)).toEqual({ result: paid, from: 'execution' });
    const served = await (await start(journal)).effects.run(pay, never);
    expect(served).toMatchObject({ result: { content: 'paid', is_error: false }, from: 'journal' });
    expect((await journal.read('p')).map(({ entryType, runId, data }) => [entryType, runId, data['effect_id'], data['tool'], data['tool_call_id']])).toEqual([
      ['tool_call', 'run-1', 'run-1/0/0', 'pay', 'c1'],
      ['tool_result', 'run-1', 'run-1/0/0', 'pay', 'c1'],
    ]);
  });

  it('is served from a checkpoint too', async () => {
    const journal = openJournal();
    const { log, effects } = await start(journal);
    await effects.run(pay, async () => paid);
    await log.checkpoint();
    expect((await (await start(journal)).effects.run(pay, never)).from).toBe('journal');
  });

  it('has its intent on disk before it is executed and its outcome on disk before it is used', async () => {
    const order: string[] = [];
    const memory = openJournal();
    const slow: Journal = Object.assign(Object.create(memory) as Journal, {
      head: memory.head.bind(memory), read: memory.read.bind(memory), scan: memory.scan.bind(memory), lastCheckpoint: memory.lastCheckpoint.bind(memory),
      write(entries: Parameters<Journal['write']>[0]): PendingWrite {
        const written = memory.write(entries);
        const durable = Promise.resolve().then(() => void order.push(`${entries[0]?.entryType} durable`));
        return { entries: written.entries, durable };
      },
    });
    const { effects } = await start(slow);
    await effects.run(pay, async () => (order.push('executed'), paid));
    order.push('used');
    expect(order).toEqual(['tool_call durable', 'executed', 'tool_result durable', 'used']);
  });

  it('waits for a person when nobody knows whether it happened', async () => {
    const journal = openJournal();
    await interrupt(journal, pay);
    const { effects } = await start(journal);
    await expect(effects.run(pay, never)).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN', effectId: 'run-1/0/0' });
    await expect(effects.run(pay, never)).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
    expect((await start(journal)).effects.waiting()).toMatchObject([{ effectId: 'run-1/0/0', runId: 'run-1', name: 'pay' }]);
  });

  it.each([
    ['happened', { content: 'This call happened, as a person confirmed; its result is not known.', is_error: false }, 'operator'],
    ['not-happened', { content: expect.stringContaining('did not happen'), is_error: true }, 'operator'],
    ['retry', paid, 'execution'],
  ] as const)('goes on when a person says %s', async (resolution, result, from) => {
    const journal = openJournal();
    await interrupt(journal, pay);
    const first = await start(journal);
    await expect(first.effects.run(pay, never)).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
    await first.effects.resolve('run-1/0/0', { resolution, by: 'ada' });
    const { effects } = await start(journal);
    expect(await effects.run(pay, resolution === 'retry' ? async () => paid : never)).toEqual({ result, from });
    expect((await effects.run(pay, never)).from).toBe('journal');
    await expect(effects.resolve('run-1/0/0', { resolution: 'retry', by: 'ada' })).rejects.toMatchObject({ field: 'effectId' });
    expect(checkHistory(await journal.read('p')).violations).toEqual([]);
  });

  it('tells whoever carries it out that a person wants it done once more', async () => {
    const journal = openJournal();
    await interrupt(journal, pay);
    const { effects } = await start(journal);
    await expect(effects.run(pay, never)).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
    await effects.resolve('run-1/0/0', { resolution: 'retry', by: 'ada' });
    const attempts: unknown[] = [];
    await effects.run(pay, async (attempt) => (attempts.push(attempt), paid));
    expect(attempts).toEqual([{ attempt: 2, idempotencyKey: 'run-1/0/0', mayRepeat: true }]);
  });

  it('is begun again with the same idempotency key when it may be repeated', async () => {
    const journal = openJournal();
    const effect: EffectToRun = { ...pay, onUnknown: 'retry', idempotencyKey: 'key-1' };
    await interrupt(journal, effect);
    const attempts: unknown[] = [];
    await (await start(journal)).effects.run(effect, async (attempt) => (attempts.push(attempt), paid));
    expect(attempts).toEqual([{ attempt: 2, idempotencyKey: 'key-1' }]);
    expect(checkHistory(await journal.read('p')).violations).toEqual([]);
  });

  it.each([
    [{ happened: true, result: paid } as const, 'probe'],
    [{ happened: false } as const, 'execution'],
  ])('asks the outside first when it can: %o', async (answer, from) => {
    const journal = openJournal();
    const effect: EffectToRun = { ...pay, onUnknown: 'probe', probe: async () => answer };
    await interrupt(journal, effect);
    expect((await (await start(journal)).effects.run(effect, answer.happened ? never : async () => paid)).from).toBe(from);
  });

  it('waits for a person when the outside does not know either', async () => {
    const journal = openJournal();
    const effect: EffectToRun = { ...pay, onUnknown: 'probe', probe: async () => ({ happened: 'unknown' }) };
    await interrupt(journal, effect);
    await expect((await start(journal)).effects.run(effect, never)).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
  });

  it('may be begun again after it failed for certain', async () => {
    const journal = openJournal();
    const { effects } = await start(journal);
    await expect(effects.run(pay, async () => Promise.reject(new TypeError('no route')))).rejects.toThrow('no route');
    expect((await journal.read('p', { limit: 1 }))[0]?.data).toMatchObject({ error: { type: 'TypeError', message: 'no route' } });
    expect((await (await start(journal)).effects.run(pay, async ({ attempt }) => ({ content: attempt }))).result).toEqual({ content: 2 });
    expect(checkHistory(await journal.read('p')).violations).toEqual([]);
  });

  it('is unknown when it was aborted or says so itself', async () => {
    const journal = openJournal();
    const { effects } = await start(journal);
    const aborted = new DOMException('stopped', 'AbortError');
    await expect(effects.run(pay, async () => Promise.reject(aborted))).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
    class ToolOutcomeUnknownError extends CortexError { readonly code = 'TOOL_OUTCOME_UNKNOWN'; }
    await expect(effects.run({ ...pay, effectId: 'run-1/0/1' }, async () => Promise.reject(new ToolOutcomeUnknownError('connection lost')))).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
    expect(effects.waiting()).toHaveLength(2);
  });

  // J9
  it('is refused when another one is recorded under its id, naming both', async () => {
    const journal = openJournal();
    await (await start(journal)).effects.run(pay, async () => paid);
    const { effects } = await start(journal);
    await expect(effects.run({ ...pay, name: 'refund' }, never)).rejects.toThrow(/tool pay .* asks for tool refund/);
    await expect(effects.run({ ...pay, input: { euros: 6 } }, never)).rejects.toMatchObject({ code: 'EFFECT_NON_DETERMINISM' });
    expect((await effects.run({ ...pay, input: { euros: 5 } }, never)).from).toBe('journal');
  });

  it('of a model is served whatever would be asked now, so that a run survives an upgrade', async () => {
    const journal = openJournal();
    const ask: EffectToRun = { effectId: 'run-1/0/llm', runId: 'run-1', kind: 'model', name: 'm:1', input: { prompt: 'old' }, onUnknown: 'retry', details: { turn: 0 } };
    await (await start(journal)).effects.run(ask, async () => ({ text: 'hi', tool_calls: [] }));
    const served = await (await start(journal)).effects.run({ ...ask, name: 'm:2', input: { prompt: 'new' } }, never);
    expect(served.result).toMatchObject({ text: 'hi', tool_calls: [] });
  });

  it('of any other kind records what it is, and its result as a whole', async () => {
    const journal = openJournal();
    const roll: EffectToRun = { effectId: 'run-1/dice', runId: 'run-1', kind: 'dice', name: 'd6', input: null, onUnknown: 'retry' };
    await (await start(journal)).effects.run(roll, async () => 4);
    expect((await (await start(journal)).effects.run(roll, never)).result).toBe(4);
    expect((await journal.read('p')).map(({ entryType }) => entryType)).toEqual(['effect_intent', 'effect_outcome']);
  });

  it('is just carried out when the journal keeps no effects', async () => {
    const journal = openJournal();
    const { effects } = await start(journal, 'checkpoint');
    expect(await effects.run(pay, async () => paid)).toEqual({ result: paid, from: 'execution' });
    expect(await journal.heads()).toEqual([]);
  });

  it.each([['invocation_result', 'run-1'], ['dead_letter', undefined]])('leaves the state when %s closes its run', async (entryType, runId) => {
    const journal = openJournal();
    const { log, effects } = await start(journal);
    log.record([{ entryType: 'invocation_start', runId: 'run-1', data: { event_id: 'e1' } }]);
    await effects.run(pay, async () => paid);
    log.record([{ entryType, data: { event_id: 'e1' }, ...(runId === undefined ? {} : { runId }) }]);
    expect(log.states.effects).toEqual({ runs: {}, run_of_event: {} });
  });
});

describe('an effect that something outside has to come before', () => {
  const guarded: EffectToRun = { ...pay, onUnknown: 'probe', probe: async () => ({ happened: false }) };
  const waits = { approval_id: 'a1' };
  const defer = () => Promise.reject(new EffectDeferredError('run-1/0/0', 'pay', 'a person has to agree', waits));

  it('waits over restarts, is executed by nobody meanwhile, and then once, knowing what it waited for', async () => {
    const journal = openJournal();
    await expect((await start(journal)).effects.run(guarded, defer)).rejects.toMatchObject({ code: 'EFFECT_DEFERRED', retryable: true, waitsFor: waits });
    const second = await start(journal);
    await expect(second.effects.run(guarded, never)).rejects.toMatchObject({ code: 'EFFECT_DEFERRED', effectId: 'run-1/0/0', reason: 'a person has to agree', waitsFor: waits });
    expect(second.effects.deferred()).toEqual([{ effectId: 'run-1/0/0', runId: 'run-1', name: 'pay', waitsFor: waits }]);
    expect(second.effects.waiting()).toEqual([]);
    expect(await second.effects.resume('run-1/0/0')).toBe(true);

    const { effects } = await start(journal);
    expect(effects.deferred()).toEqual([]);
    const attempts: unknown[] = [];
    expect(await effects.run(guarded, async (attempt) => (attempts.push(attempt), paid))).toEqual({ result: paid, from: 'execution' });
    expect(attempts).toEqual([{ attempt: 2, idempotencyKey: 'run-1/0/0', waitedFor: waits }]);
    expect((await effects.run(guarded, never)).from).toBe('journal');
    expect(checkHistory(await journal.read('p'))).toMatchObject({ violations: [], effects: { intents: 2, outcomes: 1, unknown: 0 } });
  });

  it('knows what it waited for also when the attempt after that was interrupted', async () => {
    const journal = openJournal();
    const first = await start(journal);
    await expect(first.effects.run(guarded, defer)).rejects.toMatchObject({ code: 'EFFECT_DEFERRED' });
    await first.effects.resume('run-1/0/0');
    await interrupt(journal, guarded);
    const asked: unknown[] = [];
    const { effects } = await start(journal);
    await effects.run({ ...guarded, probe: async (attempt) => (asked.push(attempt), { happened: false }) }, async (attempt) => (asked.push(attempt), paid));
    expect(asked).toEqual([{ attempt: 2, idempotencyKey: 'run-1/0/0', waitedFor: waits }, { attempt: 3, idempotencyKey: 'run-1/0/0', waitedFor: waits }]);
  });

  it('may have to wait a second time, for something else', async () => {
    const journal = openJournal();
    const { effects } = await start(journal);
    for (const id of ['a1', 'a2']) {
      await expect(effects.run(guarded, () => Promise.reject(new EffectDeferredError('run-1/0/0', 'pay', 'once more', { approval_id: id })))).rejects.toMatchObject({ waitsFor: { approval_id: id } });
      expect(effects.deferred()).toMatchObject([{ waitsFor: { approval_id: id } }]);
      await effects.resume('run-1/0/0');
    }
    expect(checkHistory(await journal.read('p')).violations).toEqual([]);
  });

  it('is let go once, and only while it waits', async () => {
    const journal = openJournal();
    const { effects } = await start(journal);
    expect(await effects.resume('run-1/0/0')).toBe(false);
    await expect(effects.run(guarded, defer)).rejects.toMatchObject({ code: 'EFFECT_DEFERRED' });
    expect(await Promise.all([effects.resume('run-1/0/0'), effects.resume('run-1/0/0')])).toEqual([true, false]);
    expect((await journal.read('p')).map(({ entryType }) => entryType)).toEqual(['tool_call', 'effect_deferred', 'effect_resumed']);
  });

  it('waits also where the journal keeps no steps of runs', async () => {
    const journal = openJournal();
    await expect((await start(journal, 'checkpoint')).effects.run(guarded, defer)).rejects.toMatchObject({ code: 'EFFECT_DEFERRED' });
    const { effects } = await start(journal, 'checkpoint');
    expect(effects.deferred()).toEqual([{ effectId: 'run-1/0/0', runId: 'run-1', name: 'pay', waitsFor: waits }]);
    await effects.resume('run-1/0/0');
    expect(await effects.run(guarded, async ({ waitedFor }) => ({ waitedFor: waitedFor ?? null }))).toMatchObject({ result: { waitedFor: waits } });
    expect((await journal.read('p')).map(({ entryType }) => entryType)).toEqual(['effect_deferred', 'effect_resumed']);
  });

  // What is asked now may know nothing of a call that began before anything stood in front of it.
  it('is not taken for one that never happened when it was begun while a person was to be asked', async () => {
    const journal = openJournal();
    await interrupt(journal, pay);
    await expect((await start(journal)).effects.run(guarded, never)).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' });
  });
});
