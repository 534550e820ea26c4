import { describeError, silentLogger, type JsonObject, type Logger } from '@cortex-runtime/core';

import { ProcessStateError } from '../errors.ts';
import type { LifecycleState, TransitionRecord } from './lifecycle-projection.ts';
import { ProcessState, validTransitions } from './process-state.ts';

/** A recorded move between two states. */
export interface ProcessTransition {
  fromState: ProcessState;
  toState: ProcessState;
  /** ISO 8601, UTC. */
  timestamp: string;
  reason: string;
  metadata: JsonObject;
}

export type TransitionListener = (transition: ProcessTransition) => void | Promise<void>;

/** Where the lifecycle reads its state and records its moves: the agent's journal, or memory. */
export interface LifecycleStore {
  read(): LifecycleState;
  /** Records the move and folds it in before it returns; resolves when it is durable. */
  record(move: { from_state: ProcessState; to_state: ProcessState; reason: string; metadata: JsonObject }): Promise<void>;
}

/**
 * The state machine of a process. Moves are those of `validTransitions`; each is recorded, then told to the listeners.
 *
 * A check and its record are one synchronous step, so that two callers can not both leave the same state.
 */
export class ProcessLifecycle {
  readonly #processId: string;
  readonly #store: LifecycleStore;
  readonly #logger: Logger;
  #listeners: Set<TransitionListener> | undefined;

  constructor(processId: string, store: LifecycleStore, logger: Logger = silentLogger) {
    this.#processId = processId;
    this.#store = store;
    this.#logger = logger;
  }

  /** Whether anybody listens to its moves. */
  get isObserved(): boolean {
    return (this.#listeners?.size ?? 0) > 0;
  }

  get state(): ProcessState {
    return this.#store.read().state;
  }

  /** The newest moves, oldest first. */
  get history(): readonly ProcessTransition[] {
    return this.#store.read().history.map(fromRecord);
  }

  canTransition(target: ProcessState): boolean {
    return validTransitions[this.state].includes(target);
  }

  /**
   * Resolves when the move is durable and every listener has run. A listener that throws is logged and ignored.
   *
   * @throws ProcessStateError when the move is not valid; nothing was recorded
   */
  async transition(target: ProcessState, options: { reason?: string; metadata?: JsonObject } = {}): Promise<ProcessTransition> {
    const current = this.state;
    if (!validTransitions[current].includes(target)) throw new ProcessStateError(this.#processId, current, target, validTransitions[current]);
    const durable = this.#store.record({ from_state: current, to_state: target, reason: options.reason ?? '', metadata: options.metadata ?? {} });
    const history = this.#store.read().history;
    const record = history[history.length - 1];
    await durable;
    const transition = record === undefined ? { fromState: current, toState: target, timestamp: '', reason: '', metadata: {} } : fromRecord(record);
    for (const listener of this.#listeners ?? []) {
      try {
        await listener(transition);
      } catch (error) {
        this.#logger.warn({ processId: this.#processId, error: describeError(error) }, 'a lifecycle listener failed');
      }
    }
    return transition;
  }

  /** @returns removes the listener */
  onTransition(listener: TransitionListener): () => void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    return () => this.#listeners?.delete(listener);
  }

  /** A serialisable copy: the state and the newest moves. */
  snapshot(): LifecycleState {
    return structuredClone(this.#store.read());
  }

  /** A lifecycle that lives in memory only, beginning where a snapshot ended. */
  static fromSnapshot(processId: string, snapshot: LifecycleState, now: () => string): ProcessLifecycle {
    const state = structuredClone(snapshot);
    return new ProcessLifecycle(processId, memoryStore(state, now));
  }

  /** A lifecycle that lives in memory only, in state `initial`. */
  static inMemory(processId: string, now: () => string, initial: ProcessState = ProcessState.CREATED): ProcessLifecycle {
    return new ProcessLifecycle(processId, memoryStore({ state: initial, history: [], started_at: null }, now));
  }
}

function memoryStore(state: LifecycleState, now: () => string): LifecycleStore {
  return {
    read: () => state,
    async record(move) {
      state.state = move.to_state;
      state.history.push({ ...move, timestamp: now() });
    },
  };
}

function fromRecord(record: TransitionRecord): ProcessTransition {
  return { fromState: record.from_state, toState: record.to_state, timestamp: record.timestamp, reason: record.reason, metadata: record.metadata };
}
