import { CortexError } from '@cortex-runtime/core';

/** A memory was used after it was closed. */
export class MemoryClosedError extends CortexError {
  readonly code = 'MEMORY_CLOSED';

  constructor(options?: ErrorOptions) {
    super('the memory is closed; open another one', options);
  }
}
