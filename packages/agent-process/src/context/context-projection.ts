import type { JsonObject, JsonValue } from '@cortex-runtime/core';
import type { Projection } from '@cortex-runtime/journal';

/** One write, for the audit trail. */
export interface StateRecord {
  value: JsonValue;
  /** ISO 8601. */
  timestamp: string;
  source: string;
  /** The write removed the key. */
  deleted?: true;
}

export interface ContextState {
  values: Record<string, JsonValue>;
  /** The newest writes of each key, oldest first; all of them are in the journal. */
  history: Record<string, StateRecord[]>;
}

/** Writes of one key that are held in memory and in checkpoints. */
const stateHistoryLimit = 20;

export const contextProjection: Projection<ContextState> = {
  name: 'context',
  initial: () => ({ values: {}, history: {} }),
  apply(state, entry) {
    if (entry.entryType === 'context_cleared') return { values: {}, history: {} };
    if (entry.entryType !== 'context_update') return state;
    const { key, value, source, deleted } = entry.data as JsonObject & { key: string; value?: JsonValue; source: string; deleted?: boolean };
    if (deleted === true) delete state.values[key];
    else define(state.values, key, value ?? null);
    const records = Object.hasOwn(state.history, key) ? (state.history[key] ?? []) : [];
    records.push({ value: value ?? null, timestamp: entry.timestamp, source, ...(deleted === true ? { deleted } : {}) });
    if (records.length > stateHistoryLimit) records.shift();
    define(state.history, key, records);
    return state;
  },
};

// Keys come from agents: `__proto__` must become an ordinary key.
function define<T>(target: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
