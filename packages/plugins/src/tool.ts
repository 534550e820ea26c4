import type { JsonObject, JsonValue } from '@cortex-runtime/core';

/**
 * What is done with a call whose outcome is unknown after a crash.
 *
 * `retry`: it is idempotent, call again with the same idempotency key. `probe`: ask `Tool.probe` whether it happened. `ask`: a person decides.
 */
export type OnUnknown = 'retry' | 'probe' | 'ask';

/** Something that an agent can do: an in-process function, a tool of an MCP server, an action of a plugin. */
export interface Tool {
  /** Unique within an agent; letters, digits, `_` and `-`, at most 64. Tools of servers are `<server>__<tool>`. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments; they are validated before `execute`. */
  readonly inputSchema: JsonObject;
  /** Default `ask`, unless the tool only reads. */
  readonly onUnknown: OnUnknown;
  /** It changes nothing outside. */
  readonly isReadOnly: boolean;
  /** Milliseconds; the agent's `tool_timeout` when absent. */
  readonly timeoutMs?: number;
  execute(args: JsonObject, call: ToolCallContext): Promise<ToolResult>;
  /** For `onUnknown: 'probe'`: whether the call with this idempotency key happened, and its result when it did. Throws when it can not tell; a person is asked then. */
  probe?(args: JsonObject, call: ToolCallContext): Promise<{ happened: true; result: ToolResult } | { happened: false }>;
}

export interface ToolCallContext {
  processName: string;
  runId: string;
  /** The journaled effect. */
  effectId: string;
  /** The same on every attempt of this effect. */
  idempotencyKey: string;
  /** The approval that this call waited for, when it did. */
  approvalId?: string;
  /** A person has decided that it is done once more, whatever became of it before. */
  mayRepeat?: true;
  signal: AbortSignal;
}

/** What the model is told. An expected failure is a result with `isError`; a thrown error is recorded the same way. */
export interface ToolResult {
  content: string;
  /** The same as data, where the tool gave any. */
  structured?: JsonValue;
  isError: boolean;
}

/** A group of tools that is connected before a run and closed with the process. */
export interface ToolSource {
  readonly name: string;
  /** Connects when needed and lists the tools. Throws ToolSourceError when the source can not be reached. */
  tools(): Promise<readonly Tool[]>;
  close(): Promise<void>;
}
