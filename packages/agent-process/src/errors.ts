import { nearestName, RuntimeBaseError } from '@cortex-runtime/core';

import type { ProcessState } from './lifecycle/process-state.ts';

/** A lifecycle move that the current state does not allow. */
export class ProcessStateError extends RuntimeBaseError {
  override readonly code = 'PROCESS_STATE';
  readonly processId: string;
  readonly currentState: ProcessState;
  readonly attemptedState: ProcessState;

  constructor(processId: string, currentState: ProcessState, attemptedState: ProcessState, allowed: readonly ProcessState[]) {
    super(`process ${processId} is ${currentState} and can not become ${attemptedState}; from ${currentState} it can become ${allowed.join(', ') || 'nothing'}`);
    this.processId = processId;
    this.currentState = currentState;
    this.attemptedState = attemptedState;
  }
}

/** There is no process of this name. */
export class ProcessNotFoundError extends RuntimeBaseError {
  override readonly code = 'PROCESS_NOT_FOUND';
  readonly processName: string;

  constructor(processName: string, known: Iterable<string>) {
    const near = nearestName(processName, known);
    super(`there is no process ${JSON.stringify(processName)}${near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`}`);
    this.processName = processName;
  }
}

/** A process of this name is registered already. */
export class ProcessExistsError extends RuntimeBaseError {
  override readonly code = 'PROCESS_EXISTS';
  readonly processName: string;

  constructor(processName: string) {
    super(`there is a process ${JSON.stringify(processName)} already; remove it first or choose another name`);
    this.processName = processName;
  }
}

/** An event that was not taken; nothing of it was kept. */
export class EventRefusedError extends RuntimeBaseError {
  override readonly code = 'EVENT_REFUSED';
  override readonly retryable = true;
  readonly processName: string;
  /** Milliseconds after which trying again makes sense. */
  readonly retryAfterMs: number;

  constructor(processName: string, reason: string, retryAfterMs = 30_000) {
    super(`process ${processName} takes no events: ${reason}`);
    this.processName = processName;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No effect of this id waits for a decision. */
export class UnknownEffectError extends RuntimeBaseError {
  override readonly code = 'EFFECT_NOT_FOUND';
  readonly effectId: string;

  constructor(effectId: string, waiting: readonly string[]) {
    super(`no effect ${JSON.stringify(effectId)} waits for a decision; ${waiting.length === 0 ? 'none does' : `waiting are ${waiting.slice(0, 5).join(', ')}`}`);
    this.effectId = effectId;
  }
}

/** The manifest or the caller asks for something that this version accepts but does not do yet. */
export class FeatureNotAvailableError extends RuntimeBaseError {
  override readonly code = 'FEATURE_NOT_AVAILABLE';
  readonly feature: string;

  constructor(feature: string, hint: string) {
    super(`${feature} is not available in this version: ${hint}`);
    this.feature = feature;
  }
}

/** A run ended without a result: it was cut off, ran too long or took too many turns. */
export class RunFailedError extends RuntimeBaseError {
  override readonly code = 'RUN_FAILED';
  override readonly retryable: boolean;

  constructor(message: string, options?: ErrorOptions & { retryable?: boolean }) {
    super(message, options);
    this.retryable = options?.retryable ?? true;
  }
}

/** The state of a hibernating process was asked for synchronously. */
export class ProcessHibernatedError extends RuntimeBaseError {
  override readonly code = 'PROCESS_HIBERNATED';

  constructor(processName: string) {
    super(`process ${processName} hibernates; await process.wake() before you read its context`);
  }
}
