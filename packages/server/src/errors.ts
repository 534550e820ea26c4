import { CortexError } from '@cortex-runtime/core';

/** A request that is answered with an error, decided by the server itself. */
export class HttpError extends CortexError {
  readonly code: string;
  readonly status: number;
  override readonly retryable: boolean;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, options: ErrorOptions & { headers?: Record<string, string> } = {}) {
    super(message, options);
    this.status = status;
    this.code = code;
    this.retryable = status === 503 || status === 429;
    this.headers = options.headers ?? {};
  }
}

/** The server can not be created or bound the way it was asked to. */
export class ServerStartError extends CortexError {
  readonly code = 'SERVER_START';
}
