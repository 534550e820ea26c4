import { CortexError } from '@cortex-runtime/core';

/** The command was written wrongly; ends with exit code 2. */
export class UsageError extends CortexError {
  readonly code = 'USAGE';
}

/** The command was understood and could not be done; ends with exit code 1. */
export class CommandError extends CortexError {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
