import type { JsonObject } from '@cortex-runtime/core';
import type { Projection } from '@cortex-runtime/journal';

import { ProcessState } from './process-state.ts';

/** One recorded move, in document form. */
export interface TransitionRecord {
  from_state: ProcessState;
  to_state: ProcessState;
  /** ISO 8601. */
  timestamp: string;
  reason: string;
  metadata: JsonObject;
}

export interface LifecycleState {
  state: ProcessState;
  /** The newest moves; all of them are in the journal. */
  history: TransitionRecord[];
  /** ISO 8601 of the last move to `running` out of `starting`. */
  started_at: string | null;
}

/** Moves held in memory and in checkpoints. A process that lives for years moves often. */
const historyLimit = 100;

export const lifecycleProjection: Projection<LifecycleState> = {
  name: 'lifecycle',
  initial: () => ({ state: ProcessState.CREATED, history: [], started_at: null }),
  apply(state, entry) {
    if (entry.entryType !== 'state_transition') return state;
    const data = entry.data as unknown as { from_state: ProcessState; to_state: ProcessState; reason: string; metadata?: JsonObject };
    state.state = data.to_state;
    if (data.from_state === ProcessState.STARTING && data.to_state === ProcessState.RUNNING) state.started_at = entry.timestamp;
    state.history.push({ from_state: data.from_state, to_state: data.to_state, timestamp: entry.timestamp, reason: data.reason, metadata: data.metadata ?? {} });
    if (state.history.length > historyLimit) state.history.shift();
    return state;
  },
};
