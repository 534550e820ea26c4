import type { JsonObject } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { checkHistory, type JournalEntry } from './index.ts';

/** A history of process `p` from `[entry type, data]` pairs. */
function history(...steps: [string, JsonObject][]): JournalEntry[] {
  return steps.map(([entryType, data], index) => ({
    seq: index + 1, id: `id-${index}`, processId: 'p', timestamp: '2026-01-01T00:00:00.000Z', entryType, runId: 'run-1', data, hash: '',
  }));
}

const accepted: [string, JsonObject] = ['trigger_event', { event_id: 'e1' }];
const closed: [string, JsonObject] = ['invocation_result', { event_id: 'e1' }];
const dead: [string, JsonObject] = ['dead_letter', { event_id: 'e1' }];
const intent = (attempt: number, onUnknown = 'ask', more: JsonObject = {}): [string, JsonObject] =>
  ['tool_call', { effect_id: 'run-1/0/0', tool: 'pay', args: { euros: 5 }, idempotency_key: 'k', attempt, on_unknown: onUnknown, ...more }];
const outcome = (more: JsonObject = {}): [string, JsonObject] => ['tool_result', { effect_id: 'run-1/0/0', content: 'ok', ...more }];
const resolved = (resolution: string): [string, JsonObject] => ['effect_resolved', { effect_id: 'run-1/0/0', resolution, by: 'ada' }];
const deferred: [string, JsonObject] = ['effect_deferred', { effect_id: 'run-1/0/0', name: 'pay', waits_for: { approval_id: 'a1' } }];
const resumed: [string, JsonObject] = ['effect_resumed', { effect_id: 'run-1/0/0' }];
const rules = (entries: JournalEntry[], isFinal = false) => checkHistory(entries, { isFinal }).violations.map(({ rule }) => rule);

describe('the history checker', () => {
  it('finds nothing in a run that was interrupted, settled and finished', () => {
    const report = checkHistory(history(accepted, intent(1), ['effect_unknown', { effect_id: 'run-1/0/0' }], resolved('retry'), intent(2), outcome(), closed), { isFinal: true });
    expect(report).toEqual({ violations: [], entries: 7, events: { accepted: 1, closed: 1, pending: 0 }, effects: { intents: 2, outcomes: 1, unknown: 0 } });
  });

  it('counts what is still open', () => {
    expect(checkHistory(history(accepted, intent(1), ['effect_unknown', { effect_id: 'run-1/0/0' }]))).toMatchObject({ violations: [], events: { pending: 1 }, effects: { unknown: 1 } });
  });

  it.each<[string, [string, JsonObject][], string[]]>([
    ['an event that is never closed', [accepted], ['event-not-closed']],
    ['an event that is closed twice', [accepted, closed, dead], ['event-closed-twice']],
    ['an event that is accepted twice', [accepted, accepted, closed], ['event-accepted-twice']],
    ['a result for an event that nobody accepted', [closed], ['event-never-accepted']],
    ['a redelivery of what is no dead letter', [accepted, ['dead_letter_redelivered', { event_id: 'e1' }], closed], ['event-redelivered-while-open']],
    ['an effect that is executed again after its outcome', [intent(1), outcome(), intent(2)], ['effect-executed-again']],
    ['an unknown effect that is repeated without an answer', [intent(1), intent(2), outcome()], ['unknown-effect-repeated']],
    ['a repetition under another idempotency key', [intent(1, 'retry'), intent(2, 'retry', { idempotency_key: 'other' }), outcome()], ['unknown-effect-repeated']],
    ['an effect that is begun while it waits for an approval', [intent(1, 'probe'), deferred, intent(2, 'probe'), outcome()], ['deferred-effect-begun']],
    ['two outcomes', [intent(1), outcome(), outcome()], ['outcome-twice']],
    ['an outcome of nothing', [outcome()], ['outcome-without-intent']],
    ['another effect under the same id', [intent(1, 'retry'), intent(2, 'retry', { args: { euros: 50 } }), outcome()], ['effect-changed']],
    ['a transition from a state that was not', [['state_transition', { from_state: 'created', to_state: 'running' }], ['state_transition', { from_state: 'stopped', to_state: 'running' }]], ['transition-torn']],
  ])('reports %s', (_, steps, expected) => {
    expect(rules(history(...steps), true)).toEqual(expected);
  });

  it.each<[string, [string, JsonObject][]]>([
    ['a failed attempt is followed by another', [intent(1), outcome({ error: { type: 'E', message: 'm' } }), intent(2), outcome()]],
    ['an idempotent effect is repeated with the same key', [intent(1, 'retry'), intent(2, 'retry'), outcome()]],
    ['a probe said that it had not happened', [intent(1, 'probe'), intent(2, 'probe'), outcome()]],
    ['an effect that waited is begun when what it waited for has come', [intent(1, 'ask'), deferred, resumed, intent(2, 'ask'), outcome()]],
    ['a dead letter is redelivered and closed again', [accepted, dead, ['dead_letter_redelivered', { event_id: 'e1' }], closed]],
    ['a removed process leaves its events', [accepted, ['process_removed', {}]]],
  ])('accepts that %s', (_, steps) => {
    expect(rules(history(...steps), true)).toEqual([]);
  });

  it('reports a missing entry, unless a repair has said so', () => {
    const [first, , third] = history(accepted, closed, accepted);
    expect(rules([first, third].filter((each) => each !== undefined))).toContain('sequence-gap');
    expect(rules([first, { ...third, entryType: 'journal_repaired' } as JournalEntry].filter((each) => each !== undefined))).toEqual([]);
  });
});
