import { CortexError } from '@cortex-runtime/core';

/** A setting of the host, from the environment or a flag, is not usable. */
export class HostConfigError extends CortexError {
  readonly code = 'HOST_CONFIG';
}

/** There is nothing to start: no manifest was found where they were looked for. */
export class NoAgentsError extends CortexError {
  readonly code = 'NO_AGENTS';
}

/** The npm package that speaks to a server is not installed. */
export class DriverMissingError extends CortexError {
  readonly code = 'DRIVER_MISSING';
  readonly packageName: string;

  constructor(need: string, packageName: string, options?: ErrorOptions) {
    super(`${need} needs the package ${packageName}, which is not installed: npm install ${packageName}`, options);
    this.packageName = packageName;
  }
}

/** What the host keeps its memory or its sessions in could not be opened. */
export class StorageUnavailableError extends CortexError {
  readonly code = 'STORAGE_UNAVAILABLE';
  override readonly retryable = true;

  constructor(what: string, problem: string, options?: ErrorOptions) {
    super(`${what} could not be opened: ${problem}`, options);
  }
}

/** No agent is known that the task could be for. */
export class NobodyThereError extends CortexError {
  readonly code = 'NOBODY_THERE';
}

/** No such task was handed in here, or it is too long ago. */
export class TaskNotFoundError extends CortexError {
  readonly code = 'TASK_NOT_FOUND';

  constructor(taskId: string, options?: ErrorOptions) {
    super(`no task ${JSON.stringify(taskId)} was handed in through this API in the last day`, options);
  }
}
