import type { JsonObject } from '@cortex-runtime/core';
import type { JournalEntry } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { judgeCrashRun, type CrashEvidence } from './judge-crash-run.ts';

/** A moment of the history, in milliseconds. */
const startAt = Date.UTC(2026, 0, 1);

/** Entries of one process, numbered and a second apart. */
function log(processId: string, ...entries: [entryType: string, data: JsonObject, runId?: string][]): JournalEntry[] {
  return entries.map(([entryType, data, runId], index) => ({
    seq: index + 1,
    id: `${processId}-${index}`,
    processId,
    timestamp: new Date(startAt + index * 1_000).toISOString(),
    entryType,
    data,
    hash: '',
    ...(runId === undefined ? {} : { runId }),
  }));
}

const event = (eventId: string, payload: JsonObject = {}): [string, JsonObject] => ['trigger_event', { event_id: eventId, trigger_type: 'webhook', payload }];
const intent = (effectId: string, tool: string, onUnknown: string, attempt = 1): [string, JsonObject, string] => ['tool_call', { effect_id: effectId, tool, args: { value: effectId }, idempotency_key: effectId, attempt, on_unknown: onUnknown }, 'run'];
const outcome = (effectId: string, more: JsonObject = {}): [string, JsonObject, string] => ['tool_result', { effect_id: effectId, content: 'ok', is_error: false, ...more }, 'run'];
const closed = (eventId: string): [string, JsonObject, string] => ['invocation_result', { event_id: eventId, status: 'completed' }, eventId === 'e-1' ? 'run' : eventId];

const desk = () =>
  log(
    'desk',
    event('e-1'),
    ['invocation_start', { event_id: 'e-1', attempt: 1, invocation: 1 }, 'run'],
    ['llm_call', { effect_id: 'm-1', turn: 1, on_unknown: 'retry', idempotency_key: 'm-1', attempt: 1 }, 'run'],
    ['llm_result', { effect_id: 'm-1', text: '' }, 'run'],
    intent('set-1', 'counter__set_value', 'retry'),
    // The host is killed here and starts again: what may be repeated is.
    ['invocation_start', { event_id: 'e-1', attempt: 1, invocation: 1, resumed: 'interrupted' }, 'run'],
    intent('set-1', 'counter__set_value', 'retry', 2),
    outcome('set-1'),
    intent('add-1', 'counter__add_value', 'ask'),
    // And here: what may not be repeated is asked about.
    ['effect_unknown', { effect_id: 'add-1', name: 'counter__add_value', reason: 'x' }, 'run'],
    ['effect_resolved', { effect_id: 'add-1', resolution: 'happened', by: 'operator' }, 'run'],
    outcome('add-1', { served_by: 'operator' }),
    closed('e-1'),
  );

const clock = () => log('clock', ...[0, 1, 2].flatMap((second): [string, JsonObject, string?][] => [event(`c-${second}`, { scheduled_time: new Date(startAt + second * 1_000).toISOString() }), closed(`c-${second}`)]));
const files = () => log('files', event('f-1', { path: '/drop/a.txt' }), closed('f-1'));

function good(): CrashEvidence {
  return {
    entries: [...desk(), ...clock(), ...files()],
    acknowledged: [{ processId: 'desk', eventId: 'e-1' }],
    droppedFiles: { processId: 'files', paths: ['/drop/a.txt'] },
    everyOccurrence: { processId: 'clock', intervalMs: 1_000 },
    executions: [
      { tool: 'set_value', value: 'v-1', idempotencyKey: 'set-1', executedAt: startAt + 4_100 },
      { tool: 'set_value', value: 'v-1', idempotencyKey: 'set-1', executedAt: startAt + 6_100 },
      { tool: 'add_value', value: 'v-2', idempotencyKey: 'add-1', executedAt: startAt + 8_100 },
    ],
    modelCalls: [{ idempotencyKey: 'm-1', receivedAt: startAt + 2_100 }],
    unrepeatableTools: ['add_value'],
  };
}

/** The log of the desk with entries put in, taken out or exchanged, numbered anew. */
function deskWith(change: (entries: JournalEntry[]) => JournalEntry[]): CrashEvidence {
  const changed = change(desk()).map((entry, index) => ({ ...entry, seq: index + 1, timestamp: new Date(startAt + index * 1_000).toISOString() }));
  return { ...good(), entries: [...changed, ...clock(), ...files()] };
}
const indexOf = (entries: JournalEntry[], type: string) => entries.findIndex((entry) => entry.entryType === type);
const asEntry = (given: [string, JsonObject, string?]) => log('desk', given)[0] as JournalEntry;
const rulesOf = (evidence: CrashEvidence) => judgeCrashRun(evidence).findings.map(({ rule }) => rule);

const mutants: [name: string, rule: string, evidence: () => CrashEvidence][] = [
  ['an outcome recorded twice', 'outcome-twice', () => deskWith((all) => all.toSpliced(indexOf(all, 'tool_result'), 0, asEntry(outcome('set-1'))))],
  ['an event closed twice', 'event-closed-twice', () => deskWith((all) => [...all, asEntry(closed('e-1'))])],
  ['an event closed by a result and a dead letter', 'event-closed-twice', () => deskWith((all) => [...all, asEntry(['dead_letter', { event_id: 'e-1', reason: 'x' }])])],
  ['an event that is never closed', 'event-not-closed', () => deskWith((all) => all.slice(0, -1))],
  ['an acknowledged event that is not in the journal', 'acknowledged-event-lost', () => ({ ...good(), acknowledged: [{ processId: 'desk', eventId: 'lost' }] })],
  ['an event that was taken twice', 'event-accepted-twice', () => deskWith((all) => [...all, asEntry(event('e-1')), asEntry(closed('e-1'))])],
  ['a recorded effect that is begun again', 'effect-executed-again', () => deskWith((all) => all.toSpliced(8, 0, asEntry(intent('set-1', 'counter__set_value', 'retry', 3))))],
  ['an effect to be asked about that is begun again', 'unknown-effect-repeated', () => deskWith((all) => all.toSpliced(9, 2, asEntry(intent('add-1', 'counter__add_value', 'ask', 2))))],
  ['an unknown effect that goes on without a decision', 'went-on-unasked', () => deskWith((all) => all.toSpliced(10, 1))],
  ['an effect that did not happen by word of a person and is begun again', 'went-on-unasked', () => deskWith((all) => all.map((entry) => (entry.entryType === 'effect_resolved' ? { ...entry, data: { ...entry.data, resolution: 'not-happened' } } : entry)).toSpliced(11, 0, asEntry(intent('add-1', 'counter__add_value', 'ask', 2))))],
  ['an unknown effect that nobody settled', 'effect-never-settled', () => deskWith((all) => all.toSpliced(10, 2))],
  ['a run that goes on without an outcome', 'effect-without-outcome', () => deskWith((all) => all.toSpliced(9, 3))],
  ['a repetition with another key', 'unknown-effect-repeated', () => deskWith((all) => all.map((entry, index) => (index === 6 ? { ...entry, data: { ...entry.data, idempotency_key: 'other' } } : entry)))],
  ['a call executed after its outcome was recorded', 'executed-after-outcome', () => ({ ...good(), executions: [...good().executions, { tool: 'set_value', value: 'v-1', idempotencyKey: 'set-1', executedAt: startAt + 9_000 }] })],
  ['an unrepeatable call executed twice', 'executed-twice', () => ({ ...good(), executions: [...good().executions, { tool: 'add_value', value: 'v-2', idempotencyKey: 'add-1', executedAt: startAt + 8_200 }] })],
  ['one intention under two keys', 'key-changed', () => ({ ...good(), executions: [...good().executions, { tool: 'set_value', value: 'v-1', idempotencyKey: 'm-1', executedAt: startAt + 2_000 }] })],
  ['an execution that no journal knows', 'execution-without-intent', () => ({ ...good(), executions: [...good().executions, { tool: 'read_value', value: 'v-9', idempotencyKey: 'ghost', executedAt: startAt }] })],
  ['an outcome that nobody executed', 'outcome-without-execution', () => ({ ...good(), executions: good().executions.filter(({ idempotencyKey }) => idempotencyKey !== 'set-1') })],
  ['a model that is asked again after its answer was recorded', 'model-called-after-outcome', () => ({ ...good(), modelCalls: [{ idempotencyKey: 'm-1', receivedAt: startAt + 5_000 }] })],
  ['a call without an idempotency key', 'call-without-key', () => ({ ...good(), modelCalls: [{ idempotencyKey: undefined, receivedAt: startAt }] })],
  ['a missed occurrence', 'occurrence-missed', () => ({ ...good(), entries: [...desk(), ...clock().filter((entry) => entry.data['event_id'] !== 'c-1').map((entry, index) => ({ ...entry, seq: index + 1 })), ...files()] })],
  ['a dropped file that woke nobody', 'file-missed', () => ({ ...good(), droppedFiles: { processId: 'files', paths: ['/drop/a.txt', '/drop/b.txt'] } })],
  ['a file that was told twice', 'file-told-twice', () => ({ ...good(), entries: [...good().entries.filter((entry) => entry.processId !== 'files'), ...log('files', event('f-1', { path: '/drop/a.txt' }), closed('f-1'), event('f-2', { path: '/drop/a.txt' }), closed('f-2'))] })],
];

describe('judgeCrashRun', () => {
  it('finds nothing in a history that keeps the promises, with a repeatable call repeated and an unknown one settled', () => {
    const { findings, figures } = judgeCrashRun(good());
    expect(findings).toEqual([]);
    expect(figures).toMatchObject({ eventsAccepted: 5, eventsClosed: 5, runsInterrupted: 1, effects: 3, unknownSettled: { happened: 1, notHappened: 0, retry: 0 }, repeatedBeforeOutcome: 1, repeatedEffects: 0 });
  });

  // The mutation check of the catalogue, §10.6: a checker that misses one of these proves nothing.
  it.each(mutants)('finds %s', (_, rule, evidence) => {
    expect(rulesOf(evidence())).toContain(rule);
  });
});
