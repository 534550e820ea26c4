import type { JsonObject, JsonValue } from '@cortex-runtime/core';

/** A message of a model conversation. `content` of an assistant may be empty when it only calls tools. */
export type ModelMessage =
  | { role: 'system'; content: string }
  | { role: 'user'; content: string }
  | { role: 'assistant'; content: string; toolCalls?: readonly ModelToolCall[] }
  | { role: 'tool'; toolCallId: string; toolName: string; content: string; isError?: boolean };

export interface ModelToolCall {
  /** Made by the model; unique within a conversation. */
  id: string;
  name: string;
  arguments: JsonObject;
  /** Opaque data that some providers want back unchanged with the call (Gemini's thought signatures). */
  providerMetadata?: JsonObject;
}

/** A call whose arguments are no JSON object. It is never executed: the loop answers it with an error result, so that the model can try again. */
export interface InvalidToolCall {
  id: string;
  name: string;
  /** As the model wrote them, cut at 2,000 characters. */
  rawArguments: string;
  /** What is wrong, readable for the model. */
  problem: string;
}

/** A tool as the model sees it. */
export interface ModelTool {
  name: string;
  description: string;
  /** JSON Schema of the arguments. */
  inputSchema: JsonObject;
}

export interface ModelRequest {
  messages: readonly ModelMessage[];
  tools: readonly ModelTool[];
  temperature?: number;
  maxOutputTokens?: number;
  signal?: AbortSignal;
  /** The same for every attempt of one model call; sent to providers that take one. */
  idempotencyKey?: string;
  /** Facts for providers that are not a model, such as `scripted`: the run, and the turn counted from 1. */
  run?: { runId: string; turn: number; processName: string; triggerType?: string };
}

/** Tokens of one call. `cachedInputTokens` are part of `inputTokens`. */
export interface ModelUsage {
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
}

export type ModelFinishReason = 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'other';

/** A piece of a streamed answer; `finish` comes last, once. Tool calls come complete, after the text, when the provider has ended the answer in good order. */
export type ModelChunk =
  | { type: 'text'; text: string }
  | { type: 'tool_call'; toolCall: ModelToolCall }
  | { type: 'invalid_tool_call'; toolCall: InvalidToolCall }
  | { type: 'finish'; reason: ModelFinishReason; usage: ModelUsage; responseId?: string; metadata?: JsonValue };

/** One model of one provider. */
export interface ModelProvider {
  /** As in manifests: `openai:gpt-5-mini`. */
  readonly modelId: string;
  /** False for `scripted:`, which says so wherever it is shown. */
  readonly isLanguageModel: boolean;
  /**
   * Streams one answer. Ends with a `finish` chunk, or throws a ModelError; a stream that breaks off never ends without either.
   */
  stream(request: ModelRequest): AsyncIterable<ModelChunk>;
}
