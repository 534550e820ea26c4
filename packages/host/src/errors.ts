import { CortexError } from '@cortex-runtime/core';

/** A setting of the host, from the environment or a flag, is not usable. */
export class HostConfigError extends CortexError {
  readonly code = 'HOST_CONFIG';
}

/** There is nothing to start: no manifest was found where they were looked for. */
export class NoAgentsError extends CortexError {
  readonly code = 'NO_AGENTS';
}
