import { CortexError } from '@cortex-runtime/core';

/** The host answered with an error, with something that is not the contract, or not at all. */
export class OrchestrationError extends CortexError {
  /** The host's own code (`PROCESS_NOT_FOUND`, `UNAUTHORIZED` …), `HOST_UNREACHABLE`, or `CONTRACT_BROKEN`. */
  readonly code: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  override readonly retryable: boolean;

  constructor(failure: { status: number; code: string; message: string; retryable?: boolean }, options?: ErrorOptions) {
    super(failure.message, options);
    this.code = failure.code;
    this.status = failure.status;
    this.retryable = failure.retryable ?? [0, 429, 502, 503, 504].includes(failure.status);
  }
}
