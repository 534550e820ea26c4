import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import type { JournalEntry } from '../journal-entry.ts';
import type { Projection } from '../projection.ts';
import { digestOf, isIntent, isOutcome, type OnUnknown } from './effect-entries.ts';

/** What is known about one effect of an open run. */
export interface EffectRecord {
  kind: string;
  name: string;
  /** Digest of the input; null for a model call, whose answer counts whatever was asked. */
  input_digest: string | null;
  on_unknown: OnUnknown;
  idempotency_key: string;
  /** Times it was begun. */
  attempt: number;
  /** `seq` of the entry that began it last: what exactly was called stands there. */
  intent_seq: number;
  /**
   * intent: begun, nothing more known. done, failed: the outcome is recorded. unknown: a person is asked. retry, happened, not-happened: a person has answered.
   * deferred: not begun, something outside has to come first. resumed: it has come.
   */
  status: 'intent' | 'done' | 'failed' | 'unknown' | 'retry' | 'happened' | 'not-happened' | 'deferred' | 'resumed';
  /** The outcome, or what a person said it was. */
  outcome: JsonObject | null;
  reason: string | null;
  /** What it was deferred for last. */
  waits_for?: JsonObject;
}

export interface EffectsState {
  /** Effects by their ids, by open run. */
  runs: Record<string, Record<string, EffectRecord>>;
  /** Runs by the event that they handle. */
  run_of_event: Record<string, string>;
}

/** The effects of open runs; those of closed runs are in the journal only. */
export const effectsProjection: Projection<EffectsState> = {
  name: 'effects',
  initial: () => ({ runs: {}, run_of_event: {} }),
  apply(state, entry) {
    const { entryType, runId, data } = entry;
    if (isIntent(entryType)) begin(state, entry);
    else if (isOutcome(entryType)) settle(state, entry);
    else if (entryType === 'invocation_start' && runId !== undefined) state.run_of_event[String(data['event_id'])] = runId;
    else if (entryType === 'invocation_result' || entryType === 'dead_letter') close(state, runId ?? state.run_of_event[String(data['event_id'])], String(data['event_id']));
    else if (entryType === 'effect_unknown' || entryType === 'effect_resolved') resolve(state, entry);
    else if (entryType === 'effect_deferred') defer(state, entry);
    else if (entryType === 'effect_resumed') resume(state, entry);
    return state;
  },
};

export function findEffect(state: EffectsState, effectId: string): { runId: string; record: EffectRecord } | undefined {
  for (const runId in state.runs) {
    const effects = state.runs[runId] ?? {};
    const record = Object.hasOwn(effects, effectId) ? effects[effectId] : undefined;
    if (record !== undefined) return { runId, record };
  }
  return undefined;
}

function begin(state: EffectsState, { entryType, runId = '', data, seq }: JournalEntry): void {
  const effectId = String(data['effect_id']);
  const known = state.runs[runId]?.[effectId];
  const kind = entryType === 'llm_call' ? 'model' : entryType === 'tool_call' ? 'tool' : String(data['kind']);
  const effects = (state.runs[runId] ??= {});
  effects[effectId] = {
    kind,
    name: String(data['model'] ?? data['tool'] ?? data['name']),
    input_digest: kind === 'model' ? null : (known?.input_digest ?? digestOf((data['args'] ?? data['input'] ?? null) as JsonValue)),
    on_unknown: data['on_unknown'] as OnUnknown,
    idempotency_key: String(data['idempotency_key']),
    attempt: Number(data['attempt']),
    intent_seq: seq,
    status: 'intent',
    outcome: null,
    reason: null,
    ...(known?.waits_for === undefined ? {} : { waits_for: known.waits_for }),
  };
}

/** At level `checkpoint` there is no intent: what is deferred is then all that is known of the effect. */
function defer(state: EffectsState, { runId = '', data, seq }: JournalEntry): void {
  const effectId = String(data['effect_id']);
  const effects = (state.runs[runId] ??= {});
  const begun = Object.hasOwn(effects, effectId) ? effects[effectId] : undefined;
  const known = begun ?? { kind: String(data['kind']), name: String(data['name']), input_digest: null, on_unknown: 'ask', idempotency_key: effectId, attempt: 0, intent_seq: seq, outcome: null };
  effects[effectId] = { ...known, status: 'deferred', reason: String(data['reason'] ?? ''), waits_for: data['waits_for'] as JsonObject };
}

function resume(state: EffectsState, { data }: JournalEntry): void {
  const record = findEffect(state, String(data['effect_id']))?.record;
  if (record?.status === 'deferred') record.status = 'resumed';
}

function settle(state: EffectsState, { runId = '', data }: JournalEntry): void {
  const { effect_id: effectId, ...outcome } = data;
  const record = state.runs[runId]?.[String(effectId)];
  if (record === undefined) return;
  record.status = data['error'] === undefined ? 'done' : 'failed';
  record.outcome = outcome;
}

function resolve(state: EffectsState, { entryType, data }: JournalEntry): void {
  const record = findEffect(state, String(data['effect_id']))?.record;
  if (record === undefined || record.status === 'done') return;
  if (entryType === 'effect_unknown') {
    record.status = 'unknown';
    record.reason = String(data['reason'] ?? '');
    return;
  }
  record.status = data['resolution'] as 'retry' | 'happened' | 'not-happened';
  record.outcome = data['result'] === undefined ? null : { result: data['result'] };
}

function close(state: EffectsState, runId: string | undefined, eventId: string): void {
  if (runId !== undefined) delete state.runs[runId];
  delete state.run_of_event[eventId];
}
