import type { JournalEntry } from './journal-entry.ts';

/**
 * A part of an agent's state, as a fold of its journal.
 *
 * `apply` depends on nothing but its arguments: live state, recovered state and time travel are the same computation. It may change `state` in place and
 * return it, as the fold owns it. The state must be plain JSON: it is what checkpoints hold.
 */
export interface Projection<S> {
  readonly name: string;
  /** Raise it when the shape of the state, or what `apply` makes of an entry, changes: checkpoints of another version are then passed over. Default 1. */
  readonly version?: number;
  initial(): S;
  apply(state: S, entry: JournalEntry): S;
}

/** The projections that make up a state, each under the name that its state has there. */
export type Projections = Record<string, Projection<unknown>>;

/** The states of a set of projections by their names. */
export type ProjectionStates<P extends Projections> = { [K in keyof P]: P[K] extends Projection<infer S> ? S : never };
