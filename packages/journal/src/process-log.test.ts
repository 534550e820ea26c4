import { idGenerator, type JsonObject } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { initialStates, foldEntry, InMemoryJournal, ProcessLog, ReplayEngine, type Projection } from './index.ts';

const total: Projection<{ sum: number; seen: number }> = {
  name: 'total',
  initial: () => ({ sum: 0, seen: 0 }),
  apply(state, { entryType, data }) {
    if (entryType === 'added') state.sum += Number(data['amount']);
    state.seen += 1;
    return state;
  },
};
const last: Projection<string> = { name: 'last', initial: () => '', apply: (_, { entryType }) => entryType };
const projections = { total, last };

const openJournal = () => new InMemoryJournal({ clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }) });
const added = (amount: number) => ({ entryType: 'added', data: { amount } });

async function openLog(journal = openJournal(), level?: 'full' | 'checkpoint') {
  const log = new ProcessLog({ journal }, { processId: 'p', projections, ...(level === undefined ? {} : { level }) });
  await log.recover();
  return { journal, log };
}

describe('a process log', () => {
  // governed-process D6
  it('changes the state in the same step in which it writes, and loses no change between two checkpoints', async () => {
    const { journal, log } = await openLog();
    const { durable } = log.record([added(1), added(2)]);
    expect(log.states.total.sum).toBe(3);
    await durable;
    await log.checkpoint();
    await log.record([added(4)]).durable;
    const { log: again } = await openLog(journal);
    expect(again.states).toEqual({ total: { sum: 7, seen: 3 }, last: 'added' });
  });

  // J9
  it('recovers the very state that lived, wherever checkpoints were taken, a hundred times over', async () => {
    const step = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }) }, { weight: 1, arbitrary: fc.constantFrom('checkpoint' as const, 'hibernate' as const) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { journal, log } = await openLog();
        for (const each of steps) {
          if (each === 'checkpoint') await log.checkpoint();
          else if (each === 'hibernate') await log.hibernate().then(() => log.recover());
          else log.record([added(each)]);
        }
        const recovered = await new ReplayEngine(journal, projections).recover('p');
        expect({ total: recovered.states.total, last: recovered.states.last }).toEqual(log.states);
        // and folding everything from the start gives the same
        const states = initialStates(projections);
        for await (const entry of journal.scan('p')) foldEntry(projections, states, entry);
        expect(states).toEqual(log.states);
      }),
      { numRuns: 100 },
    );
  });

  it('takes a checkpoint when enough entries came after the last one', async () => {
    const { journal, log } = await openLog();
    for (let count = 1; count <= 5; count += 1) {
      log.record([added(1)]);
      await log.checkpointIfDue(3);
    }
    expect((await journal.head('p')).checkpointSeq).toBe(3);
  });

  it('folds the log again when a checkpoint is of another version of a projection, or lacks one', async () => {
    const { journal, log } = await openLog();
    log.record([added(5)]);
    await log.checkpoint();
    const doubled: Projection<number> = { name: 'total', version: 2, initial: () => 0, apply: (state, { data }) => state + 2 * Number(data['amount']) };
    const upgraded = new ProcessLog({ journal }, { processId: 'p', projections: { total: doubled, last } });
    expect(await upgraded.recover()).toMatchObject({ states: { total: 10, last: 'added' }, checkpointSeq: 0, entriesReplayed: 1 });
  });

  it('neither writes nor folds in what its level leaves out, so that nothing lives that would not be recovered', async () => {
    const { journal, log } = await openLog(openJournal(), 'checkpoint');
    const { entries, durable } = log.record([{ entryType: 'tool_call', data: {} }, added(1)]);
    await durable;
    expect(entries.map(({ entryType, seq }) => [entryType, seq])).toEqual([['added', 1]]);
    expect(log.states.total.seen).toBe(1);
    expect(await journal.read('p')).toHaveLength(1);
  });

  it('refuses to be used while it hibernates, and stays awake when something was recorded meanwhile', async () => {
    const { log } = await openLog();
    log.record([added(1)]);
    const sleeping = log.hibernate();
    log.record([added(2)]);
    expect(await sleeping).toBe(false);
    expect(await log.hibernate()).toBe(true);
    expect(() => log.record([added(1)])).toThrow(expect.objectContaining({ code: 'JOURNAL_LOG_ASLEEP' }));
    await log.recover();
    expect(log.states.total.sum).toBe(3);
  });

  it('leaves a short tail to the next recovery when it may, and writes a checkpoint for a longer one', async () => {
    const { journal, log } = await openLog();
    log.record([added(1), added(2)]);
    expect(await log.hibernate({ keepTail: 2 })).toBe(true);
    expect(await journal.lastCheckpoint('p')).toBeUndefined();
    await log.recover();
    expect(log.states.total.sum).toBe(3);
    log.record([added(4)]);
    expect(await log.hibernate({ keepTail: 2 })).toBe(true);
    expect(await journal.lastCheckpoint('p')).toMatchObject({ seq: 3 });
  });
});

describe('the replay engine', () => {
  const put = (key: string, value: number): { processId: string; entryType: string; data: JsonObject } => ({ processId: 'p', entryType: 'context_update', data: { key, value, source: 'agent' } });

  it('brings back context, lifecycle state and the type of the last entry without being told how', async () => {
    const journal = openJournal();
    await journal.append({ processId: 'p', entryType: 'state_transition', data: { from_state: 'created', to_state: 'running', reason: 'start' } });
    await journal.append(put('a', 1));
    await journal.append(put('__proto__', 2));
    await journal.append({ processId: 'p', entryType: 'context_update', data: { key: 'a', value: null, source: 'agent', deleted: true } });
    const recovered = await new ReplayEngine(journal).recover('p');
    expect(recovered).toMatchObject({ lifecycleState: 'running', lastEntryType: 'context_update', entriesReplayed: 4, seq: 4 });
    expect(JSON.stringify(recovered.contextState)).toBe('{"__proto__":2}');
    expect(await new ReplayEngine(journal).recover('nobody')).toMatchObject({ contextState: {}, lifecycleState: 'created', lastEntryType: null, entriesReplayed: 0 });
  });

  it('shows the state as it was at any entry', async () => {
    const journal = openJournal();
    for (const value of [1, 2, 3]) await journal.append(put('a', value));
    const engine = new ReplayEngine(journal);
    expect(await Promise.all([0, 1, 2, 3].map(async (seq) => (await engine.recover('p', seq)).contextState['a']))).toEqual([undefined, 1, 2, 3]);
  });

  it('rewinds without editing history: the parts that are named go back, the others go on', async () => {
    const { journal, log } = await openLog();
    await log.record([added(1), added(2), added(4)]).durable;
    const engine = new ReplayEngine(journal, projections);
    const entry = await engine.rewind('p', 1, { by: 'ada', reason: 'a mistake', parts: ['last'] });
    expect(entry).toMatchObject({ seq: 4, entryType: 'rewind', data: { to_seq: 1, by: 'ada' } });
    expect((await engine.recover('p')).states.total).toEqual({ sum: 7, seen: 4 });
    await engine.rewind('p', 2, { by: 'ada', reason: 'all of it' });
    await journal.append({ processId: 'p', ...added(10) });
    expect((await engine.recover('p')).states.total.sum).toBe(13);
    expect((await engine.recover('p', 3)).states.total.sum).toBe(7);
    expect(await journal.read('p')).toHaveLength(6);
    await expect(engine.rewind('p', 99, { by: 'ada', reason: '' })).rejects.toMatchObject({ field: 'toSeq' });
  });
});
