import { CortexError } from '@cortex-runtime/core';

/** Base of everything the bus throws on purpose. */
export class BusError extends CortexError {
  readonly code: string = 'BUS_ERROR';
}

/** The broker could not be reached, or did not answer in time. Whether the operation was applied may be unknown; repeating it is safe. */
export class BusConnectionError extends BusError {
  override readonly code = 'BUS_CONNECTION';
  override readonly retryable = true;
  readonly operation: string;

  constructor(operation: string, problem: string, options?: ErrorOptions) {
    super(`${operation}: ${problem}; check that the broker runs and can be reached, then try again`, options);
    this.operation = operation;
  }
}

/** Bytes on a stream are not what the reader expects. Thrown by a handler, it moves the message to the dead letters without another attempt. */
export class BusSerializationError extends BusError {
  override readonly code = 'BUS_SERIALIZATION';
  readonly stream: string;
  readonly msgId: string;

  constructor(stream: string, msgId: string, problem: string, options?: ErrorOptions) {
    super(`message ${msgId} on ${stream} can not be read: ${problem}`, options);
    this.stream = stream;
    this.msgId = msgId;
  }
}

/** The stream holds as much unacknowledged work as it may. Nothing was published. */
export class BusFullError extends BusError {
  override readonly code = 'BUS_FULL';
  override readonly retryable = true;
  readonly stream: string;

  constructor(stream: string, problem: string, options?: ErrorOptions) {
    super(`the stream ${stream} takes no more work (${problem}); nothing was published: wait until consumers have caught up, add consumers, or remove a group that nobody reads any more`, options);
    this.stream = stream;
  }
}

/** The deduplication id is in use for another payload. */
export class BusConflictError extends BusError {
  override readonly code = 'BUS_DEDUP_CONFLICT';
  readonly stream: string;
  readonly dedupId: string;
  /** The message that was published first under this id. */
  readonly msgId: string;

  constructor(stream: string, dedupId: string, msgId: string, options?: ErrorOptions) {
    super(`the deduplication id ${JSON.stringify(dedupId)} belongs to message ${msgId} on ${stream}, whose payload is different; use a new id for new work`, options);
    this.stream = stream;
    this.dedupId = dedupId;
    this.msgId = msgId;
  }
}

/** In the strict class: the entry was written, but not enough replicas confirmed it in time. Publishing again with the same deduplication id is safe. */
export class BusUnconfirmedError extends BusError {
  override readonly code = 'BUS_UNCONFIRMED';
  override readonly retryable = true;

  constructor(stream: string, confirmed: number, wanted: number, options?: ErrorOptions) {
    super(`a message on ${stream} was written, but ${confirmed} of ${wanted} replicas confirmed it in time; publish again with the same deduplication id`, options);
  }
}

/** The server is set up in a way that loses accepted work. */
export class BusUnsafeServerError extends BusError {
  override readonly code = 'BUS_UNSAFE_SERVER';

  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(`the Redis server would lose accepted work: ${problem}; ${remedy}`, options);
  }
}

/** The bus or the subscription was closed. */
export class BusClosedError extends BusError {
  override readonly code = 'BUS_CLOSED';

  constructor(what = 'the bus', options?: ErrorOptions) {
    super(`${what} is closed`, options);
  }
}

/** Another consumer has the message, or it is gone: what this handler did with it must not be recorded as its outcome. */
export class LeaseLostError extends BusError {
  override readonly code = 'BUS_LEASE_LOST';
  readonly stream: string;
  readonly msgId: string;

  constructor(stream: string, msgId: string, options?: ErrorOptions) {
    super(`message ${msgId} on ${stream} is no longer held by this consumer: its lease ran out, it was given back, or the stream was emptied`, options);
    this.stream = stream;
    this.msgId = msgId;
  }
}
