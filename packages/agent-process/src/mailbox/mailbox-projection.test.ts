import type { JsonObject } from '@cortex-runtime/core';
import type { JournalEntry } from '@cortex-runtime/journal';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { knowsEvent, mailboxProjection, pendingEvents, triggerRecordOf, type MailboxState } from './mailbox-projection.ts';

let seq = 0;
function entry(entryType: string, data: JsonObject, runId?: string): JournalEntry {
  seq += 1;
  return { seq, id: `e${seq}`, processId: 'p', timestamp: new Date(1_700_000_000_000 + seq).toISOString(), entryType, data, hash: '', ...(runId === undefined ? {} : { runId }) };
}
const accepted = (eventId: string, triggerId = 'hook') =>
  entry('trigger_event', { trigger_id: triggerId, trigger_type: triggerId === 'hook' ? 'webhook' : 'cron', event_id: eventId, timestamp: '2026-01-01T00:00:00.000Z', payload: { n: 1 }, metadata: {}, cause: [] });
const fold = (entries: JournalEntry[], state: MailboxState = mailboxProjection.initial()) => entries.reduce((current, next) => mailboxProjection.apply(current, next), state);

describe('mailboxProjection', () => {
  it('holds an accepted event until a result or a dead letter closes it', () => {
    const state = fold([accepted('a'), accepted('b'), entry('invocation_start', { event_id: 'a', attempt: 1, invocation: 1 }, 'run-1'), entry('invocation_result', { event_id: 'a' }, 'run-1')]);
    expect(pendingEvents(state).map(({ event }) => event.event_id)).toEqual(['b']);
    expect(state.runs).toEqual({});
    fold([entry('dead_letter', { event_id: 'b', reason: 'retries exhausted', error: 'no', attempts: 2 })], state);
    expect(state.pending_count).toBe(0);
    expect(state.dead_letters).toMatchObject([{ reason: 'retries exhausted', error: 'no', attempts: 2, event: { event_id: 'b' } }]);
  });

  it('serves events in the order of their acceptance, also when their ids look like numbers', () => {
    const state = fold([accepted('zz'), accepted('10'), accepted('2')]);
    const copy = JSON.parse(JSON.stringify(state)) as MailboxState;
    expect(pendingEvents(copy).map(({ event }) => event.event_id)).toEqual(['zz', '10', '2']);
  });

  it('remembers closed events, so that a repeated delivery is known', () => {
    const state = fold([accepted('a'), entry('invocation_result', { event_id: 'a' })]);
    expect(knowsEvent(state, 'a')).toBe(true);
    expect(knowsEvent(state, 'b')).toBe(false);
    expect(knowsEvent(state, '__proto__')).toBe(false);
  });

  it('forgets closed events only after thousands of later ones', () => {
    const state = mailboxProjection.initial();
    for (let index = 0; index < 5_000; index += 1) fold([accepted(`e${index}`), entry('invocation_result', { event_id: `e${index}` })], state);
    expect(knowsEvent(state, 'e0')).toBe(true);
    for (let index = 5_000; index < 10_001; index += 1) fold([accepted(`e${index}`), entry('invocation_result', { event_id: `e${index}` })], state);
    expect(knowsEvent(state, 'e0')).toBe(false);
    expect(knowsEvent(state, 'e5001')).toBe(true);
  });

  it('opens a redelivered event with a new run and no attempts', () => {
    const event = accepted('a');
    const state = fold([event, entry('invocation_start', { event_id: 'a', attempt: 3, invocation: 1 }, 'run-1'), entry('dead_letter', { event_id: 'a', reason: 'x', attempts: 3 }), entry('dead_letter_redelivered', { event_id: 'a', event: event.data })]);
    expect(state.dead_letters).toEqual([]);
    expect(pendingEvents(state)).toMatchObject([{ attempt: 0, run_id: null, state: 'waiting' }]);
  });

  it('counts interruptions of a run, and forgets them once the run gets further', () => {
    const state = fold([accepted('a'), entry('invocation_start', { event_id: 'a', attempt: 1, invocation: 1 }, 'r')]);
    const resume = () => entry('invocation_start', { event_id: 'a', attempt: 1, invocation: 1, resumed: 'interrupted' }, 'r');
    fold([resume(), resume()], state);
    expect(pendingEvents(state)[0]?.interruptions).toBe(2);
    fold([entry('tool_result', { effect_id: 'r/1/0' }, 'r')], state);
    expect(pendingEvents(state)[0]?.interruptions).toBe(0);
  });

  it('keeps the cursor and the open events of each trigger', () => {
    const state = fold([entry('trigger_started', { trigger_id: 'cron-1', trigger_type: 'cron' }), accepted('a', 'cron-1'), accepted('b', 'cron-1'), entry('invocation_result', { event_id: 'a' })]);
    expect(triggerRecordOf(state, 'cron-1')).toMatchObject({ open: 1, last_event: { event_id: 'b', payload: { n: 1 } } });
    expect(triggerRecordOf(state, 'cron-1')?.first_started_at).not.toBeNull();
  });

  it('lists a bounded number of dead letters', () => {
    const state = fold([entry('process_deployed', { config: { trigger_delivery: { dead_letter_size: 2 } }, digest: 'd' })]);
    for (const id of ['a', 'b', 'c']) fold([accepted(id), entry('dead_letter', { event_id: id, reason: 'x', attempts: 1 })], state);
    expect(state.dead_letters.map(({ event }) => event.event_id)).toEqual(['b', 'c']);
    expect(state.dead_letter_count).toBe(3);
  });

  it('is the same fold whether it is interrupted by a checkpoint or not', () => {
    const step = fc.record({ kind: fc.constantFrom('accept', 'start', 'result', 'error', 'retry', 'dead'), id: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), (steps, cut) => {
        const entries = steps.map(({ kind, id }) => {
          const event_id = `e${id}`;
          if (kind === 'accept') return accepted(event_id);
          if (kind === 'start') return entry('invocation_start', { event_id, attempt: 1, invocation: id + 1 }, `run-${id}`);
          if (kind === 'result') return entry('invocation_result', { event_id }, `run-${id}`);
          if (kind === 'error') return entry('error', { event_id }, `run-${id}`);
          if (kind === 'retry') return entry('retry_scheduled', { event_id, due_at: 5 }, `run-${id}`);
          return entry('dead_letter', { event_id, reason: 'x', attempts: 1 }, `run-${id}`);
        });
        const whole = fold(entries);
        const half = JSON.parse(JSON.stringify(fold(entries.slice(0, cut)))) as MailboxState;
        expect(fold(entries.slice(cut), half)).toEqual(whole);
        expect(whole.pending_count).toBe(pendingEvents(whole).length);
      }),
    );
  });
});
