import { InvalidInputError, type JsonObject, type JsonValue } from '@cortex-runtime/core';

import { recoverStates, type Recovered } from './fold-entries.ts';
import type { JournalEntry } from './journal-entry.ts';
import type { Journal } from './journal.ts';
import type { Projection, Projections } from './projection.ts';

/** Keys and values that `context_update` entries set. */
export const contextStateProjection: Projection<Record<string, JsonValue>> = {
  name: 'context_state',
  initial: () => ({}),
  apply(state, { entryType, data }) {
    if (entryType !== 'context_update') return state;
    const key = String(data['key']);
    if (data['deleted'] === true) delete state[key];
    else Object.defineProperty(state, key, { value: data['value'] ?? null, configurable: true, enumerable: true, writable: true }); // also for __proto__
    return state;
  },
};

/** The state that the last `state_transition` led to. */
export const lifecycleStateProjection: Projection<string> = {
  name: 'lifecycle_state',
  initial: () => 'created',
  apply: (state, { entryType, data }) => (entryType === 'state_transition' ? String(data['to_state']) : state),
};

const basicProjections = { context_state: contextStateProjection, lifecycle_state: lifecycleStateProjection };

export interface RecoveredProcess<P extends Projections> extends Recovered<P> {
  contextState: Record<string, JsonValue>;
  lifecycleState: string;
}

/** Brings back the state of a process from its journal, now or at any entry before. */
export class ReplayEngine<P extends Projections = Record<never, never>> {
  readonly #journal: Journal;
  readonly #projections: P & typeof basicProjections;

  constructor(journal: Journal, projections?: P) {
    this.#journal = journal;
    this.#projections = { ...(projections ?? ({} as P)), ...basicProjections };
  }

  /** The state after the last entry, or after entry `untilSeq`: the same computation as while the process lived. */
  async recover(processId: string, untilSeq?: number): Promise<RecoveredProcess<P>> {
    const recovered = await recoverStates(this.#journal, processId, this.#projections, untilSeq);
    const { context_state: contextState, lifecycle_state: lifecycleState } = recovered.states as { context_state: Record<string, JsonValue>; lifecycle_state: string };
    return { ...(recovered as unknown as Recovered<P>), contextState, lifecycleState };
  }

  /**
   * Makes the state at entry `toSeq` hold again. Nothing is edited or removed: a `rewind` entry carries that state, and every fold continues from it.
   *
   * @param parts - the projections to rewind, all when left out; what must never go back (budgets, accepted events, effects) is left out here
   * @throws InvalidInputError when there is no such entry, or no such projection
   */
  async rewind(processId: string, toSeq: number, options: { by: string; reason: string; parts?: readonly string[] }): Promise<JournalEntry> {
    const { seq } = await this.#journal.head(processId);
    if (!Number.isInteger(toSeq) || toSeq < 1 || toSeq > seq) throw new InvalidInputError('toSeq', `must be of an entry of process ${processId}, 1 to ${seq}; got ${toSeq}`);
    const { states } = await recoverStates(this.#journal, processId, this.#projections, toSeq);
    const state: Record<string, JsonValue> = {};
    for (const part of options.parts ?? Object.keys(this.#projections)) {
      if (!Object.hasOwn(states, part)) throw new InvalidInputError('parts', `${JSON.stringify(part)} is none of ${Object.keys(this.#projections).join(', ')}`);
      state[part] = (states as JsonObject)[part] ?? null;
    }
    return this.#journal.append({ processId, entryType: 'rewind', data: { to_seq: toSeq, by: options.by, reason: options.reason, state } });
  }
}
