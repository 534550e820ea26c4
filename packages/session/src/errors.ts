import { CortexError } from '@cortex-runtime/core';

/** Base of every error of a session. */
export abstract class SessionError extends CortexError {}

/** There is no session of this id, or it was deleted. */
export class SessionNotFoundError extends SessionError {
  readonly code = 'SESSION_NOT_FOUND';
  readonly sessionId: string;

  constructor(sessionId: string, options?: ErrorOptions) {
    super(`there is no session ${sessionId}; it may have been deleted: ask for the session of its channel, domain and thread again`, options);
    this.sessionId = sessionId;
  }
}

/** The session is closed: its transcript takes nothing more. */
export class SessionClosedError extends SessionError {
  readonly code = 'SESSION_CLOSED';
  readonly sessionId: string;

  constructor(sessionId: string, options?: ErrorOptions) {
    super(`the session ${sessionId} is closed; getOrCreate begins a new one for its thread`, options);
    this.sessionId = sessionId;
  }
}

/** Others wrote to the session at the same time, again and again. Nothing was written. */
export class SessionConflictError extends SessionError {
  readonly code = 'SESSION_CONFLICT';
  override readonly retryable = true;
  readonly sessionId: string;

  constructor(sessionId: string, attempts: number, options?: ErrorOptions) {
    super(`the session ${sessionId} was changed by others during each of ${attempts} attempts; try again`, options);
    this.sessionId = sessionId;
  }
}

/** The store could not be read or written. Recording the same message, by its id, again is safe. */
export class SessionStoreError extends SessionError {
  readonly code = 'SESSION_STORE_FAILED';
  override readonly retryable = true;

  constructor(what: string, problem: string, options?: ErrorOptions) {
    super(`the session store failed to ${what}: ${problem}`, options);
  }
}

/** The store was closed. */
export class SessionStoreClosedError extends SessionError {
  readonly code = 'SESSION_STORE_CLOSED';

  constructor(options?: ErrorOptions) {
    super('the session store is closed; open another one', options);
  }
}
