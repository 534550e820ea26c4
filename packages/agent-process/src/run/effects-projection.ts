import type { JsonObject } from '@cortex-runtime/core';
import type { JournalEntry, Projection } from '@cortex-runtime/journal';
import type { OnUnknown } from '@cortex-runtime/plugins';

/** One effect of an open run. */
export interface EffectRecord {
  run_id: string;
  kind: 'model' | 'tool';
  name: string;
  input: JsonObject;
  on_unknown: OnUnknown;
  idempotency_key: string;
  /** Executions begun. */
  attempt: number;
  /** ISO 8601 of the first intent. */
  since: string;
  /** intent: begun, no outcome recorded. done: served from `outcome`. unknown: waits for a person. retry: a person said to execute it again. */
  status: 'intent' | 'done' | 'unknown' | 'retry';
  outcome: JsonObject | null;
  reason: string | null;
}

export interface EffectsState {
  /** Effects of open runs by effect id. */
  effects: Record<string, EffectRecord>;
  /** Effect ids by run. */
  runs: Record<string, string[]>;
  /** Effects that wait for a person. */
  unknown_count: number;
}

/** The effects of open runs as a fold; those of closed runs are in the journal only. */
export const effectsProjection: Projection<EffectsState> = {
  name: 'effects',
  initial: () => ({ effects: {}, runs: {}, unknown_count: 0 }),
  apply(state, entry) {
    switch (entry.entryType) {
      case 'llm_call':
      case 'tool_call':
        return intend(state, entry);
      case 'llm_result':
      case 'tool_result': {
        const record = recordOf(state, entry);
        if (record === undefined) return state;
        const { effect_id: _, ...outcome } = entry.data as JsonObject & { effect_id: string };
        if ('error' in outcome && outcome['error'] !== undefined) {
          // The attempt failed for certain: the effect may be begun again.
          record.status = 'retry';
          return state;
        }
        settle(state, record, 'done', outcome);
        return state;
      }
      case 'effect_unknown': {
        const record = recordOf(state, entry);
        if (record === undefined || record.status === 'unknown') return state;
        record.status = 'unknown';
        record.reason = (entry.data as { reason?: string }).reason ?? null;
        state.unknown_count += 1;
        return state;
      }
      case 'effect_resolved': {
        const record = recordOf(state, entry);
        if (record !== undefined && (entry.data as { resolution: string }).resolution === 'retry') settle(state, record, 'retry', null);
        return state;
      }
      case 'invocation_result':
      case 'dead_letter':
        return entry.runId === undefined ? state : close(state, entry.runId);
      default:
        return state;
    }
  },
};

function intend(state: EffectsState, entry: JournalEntry): EffectsState {
  const data = entry.data as JsonObject & { effect_id: string; idempotency_key: string; attempt: number; on_unknown: OnUnknown };
  const known = recordOf(state, entry);
  if (known !== undefined) {
    settle(state, known, 'intent', null);
    known.attempt = data.attempt;
    return state;
  }
  const isTool = entry.entryType === 'tool_call';
  const runId = entry.runId ?? '';
  state.effects[data.effect_id] = {
    run_id: runId,
    kind: isTool ? 'tool' : 'model',
    name: String(isTool ? data['tool'] : data['model']),
    input: isTool ? { args: data['args'] ?? {}, tool_call_id: data['tool_call_id'] ?? null } : { turn: data['turn'] ?? null },
    on_unknown: data.on_unknown,
    idempotency_key: data.idempotency_key,
    attempt: data.attempt,
    since: entry.timestamp,
    status: 'intent',
    outcome: null,
    reason: null,
  };
  (state.runs[runId] ??= []).push(data.effect_id);
  return state;
}

function settle(state: EffectsState, record: EffectRecord, status: EffectRecord['status'], outcome: JsonObject | null): void {
  if (record.status === 'unknown') state.unknown_count -= 1;
  record.status = status;
  record.outcome = outcome;
  record.reason = null;
}

function close(state: EffectsState, runId: string): EffectsState {
  for (const effectId of state.runs[runId] ?? []) {
    if (state.effects[effectId]?.status === 'unknown') state.unknown_count -= 1;
    delete state.effects[effectId];
  }
  delete state.runs[runId];
  return state;
}

function recordOf(state: EffectsState, entry: JournalEntry): EffectRecord | undefined {
  const { effect_id } = entry.data as { effect_id: string };
  return Object.hasOwn(state.effects, effect_id) ? state.effects[effect_id] : undefined;
}
