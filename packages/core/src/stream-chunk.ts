/** The kinds of a {@link StreamChunk}; values cross the bus and HTTP. */
export const StreamChunkKind = {
  OUTPUT: 'output',
  COMPLETE: 'complete',
  ERROR: 'error',
  TOOL_CALL: 'tool_call',
  TOOL_RESULT: 'tool_result',
} as const;
export type StreamChunkKind = (typeof StreamChunkKind)[keyof typeof StreamChunkKind];

/** A piece of an agent's answer while it is being made. */
export interface StreamChunk {
  kind: StreamChunkKind;
  /** Text of an output, the message of an error, the arguments or the result of a tool as JSON. Absent on `complete`. */
  data?: string;
  /** For tools: `id` or `tool_call_id`, `name`; for `complete`: usage and cost. */
  metadata?: Record<string, unknown>;
}
