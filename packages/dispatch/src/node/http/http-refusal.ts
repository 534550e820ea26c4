import { CortexError } from '@cortex-runtime/core';

/** A request that the channel itself refuses. It is answered with, and goes no further. */
export class HttpRefusal extends CortexError {
  readonly code: string;
  readonly status: number;
  override readonly retryable: boolean;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, options: ErrorOptions & { headers?: Record<string, string> } = {}) {
    super(message, options);
    this.status = status;
    this.code = code;
    this.retryable = status === 503;
    this.headers = options.headers ?? {};
  }
}
