import { CortexError } from '@cortex-runtime/core';

/** The JSON Schema of a tool can not be used. */
export class ToolSchemaInvalidError extends CortexError {
  readonly code = 'TOOL_SCHEMA_INVALID';
  readonly toolName: string;

  constructor(toolName: string, problem: string, options?: ErrorOptions) {
    super(`the input schema of tool ${toolName} is not usable: ${problem}`, options);
    this.toolName = toolName;
  }
}

/** A source of tools can not be reached. Nothing was executed: a call that fails with this was never sent. */
export class ToolSourceError extends CortexError {
  readonly code = 'TOOL_SOURCE_UNAVAILABLE';
  override readonly retryable: boolean;
  readonly sourceName: string;

  /** @param options.kind - what it is, for people; `tool server` when left out */
  constructor(sourceName: string, problem: string, options: ErrorOptions & { retryable?: boolean; kind?: string } = {}) {
    const { retryable = true, kind = 'tool server', ...rest } = options;
    super(`${kind} ${sourceName}: ${problem}`, rest);
    this.sourceName = sourceName;
    this.retryable = retryable;
  }
}

/** A call was sent and its answer will never come: it may have happened. What is done next is the tool's `onUnknown`. */
export class ToolOutcomeUnknownError extends CortexError {
  readonly code = 'TOOL_OUTCOME_UNKNOWN';
  readonly toolName: string;

  constructor(toolName: string, problem: string, options?: ErrorOptions) {
    super(`it is not known whether ${toolName} happened: ${problem}`, options);
    this.toolName = toolName;
  }
}

/** A call that may be repeated without harm (it only reads, or is idempotent) did not answer in time. */
export class ToolTimeoutError extends CortexError {
  readonly code = 'TOOL_TIMEOUT';
  override readonly retryable = true;
  readonly toolName: string;

  constructor(toolName: string, timeoutMs: number, options?: ErrorOptions) {
    super(`${toolName} did not answer within ${timeoutMs} ms`, options);
    this.toolName = toolName;
  }
}

/** The caller's signal ended a call before it was sent, or one that may be repeated without harm. */
export class ToolAbortedError extends CortexError {
  readonly code = 'TOOL_ABORTED';
  override readonly retryable = true;
  readonly toolName: string;

  constructor(toolName: string, options?: ErrorOptions) {
    super(`the call of ${toolName} was aborted`, options);
    this.toolName = toolName;
  }
}
