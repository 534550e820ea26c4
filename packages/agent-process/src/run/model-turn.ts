import { StreamChunkKind, type Clock, type JsonObject, type StreamChunk } from '@cortex-runtime/core';
import type { ModelFinishReason, ModelMessage, ModelProvider, ModelTool, ModelToolCall, ModelUsage } from '@cortex-runtime/models';

/** A call that the model wrote. With `problem` its arguments were no JSON: it is not executed, the model is told. */
export type TurnToolCall = ModelToolCall & { problem?: string };

/** What one model turn gave. */
export interface ModelTurn {
  text: string;
  toolCalls: TurnToolCall[];
  finishReason: ModelFinishReason;
  usage: ModelUsage;
  /** USD; null when the model has no known price. */
  cost: number | null;
  durationMs: number;
}

export interface ModelTurnInput {
  model: ModelProvider;
  messages: readonly ModelMessage[];
  tools: readonly ModelTool[];
  temperature?: number;
  maxOutputTokens?: number;
  idempotencyKey: string;
  run: { runId: string; turn: number; processName: string; triggerType: string };
  signal: AbortSignal;
  clock: Clock;
  costOf: (modelId: string, usage: ModelUsage) => number | undefined;
  publish: (chunk: StreamChunk) => void;
}

/** Streams one answer to its end. Text goes to the subscribers as it comes; a turn that breaks off throws and gives nothing. */
export async function takeModelTurn(input: ModelTurnInput): Promise<ModelTurn> {
  const { model, clock, publish } = input;
  const startedAt = clock.monotonic();
  let text = '';
  const toolCalls: TurnToolCall[] = [];
  let finish: { reason: ModelFinishReason; usage: ModelUsage } | undefined;
  const request = {
    messages: input.messages,
    tools: input.tools,
    idempotencyKey: input.idempotencyKey,
    run: input.run,
    signal: input.signal,
    ...(input.temperature === undefined ? {} : { temperature: input.temperature }),
    ...(input.maxOutputTokens === undefined ? {} : { maxOutputTokens: input.maxOutputTokens }),
  };
  for await (const chunk of untilAborted(model.stream(request), input.signal)) {
    if (chunk.type === 'text') {
      text += chunk.text;
      publish({ kind: StreamChunkKind.OUTPUT, data: chunk.text });
    } else if (chunk.type === 'tool_call') toolCalls.push(chunk.toolCall);
    else if (chunk.type === 'invalid_tool_call') toolCalls.push({ id: chunk.toolCall.id, name: chunk.toolCall.name, arguments: {}, problem: chunk.toolCall.problem });
    else finish = { reason: chunk.reason, usage: chunk.usage };
  }
  const usage = finish?.usage ?? { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };
  return {
    text,
    toolCalls,
    finishReason: finish?.reason ?? 'other',
    usage,
    cost: input.costOf(model.modelId, usage) ?? null,
    durationMs: Math.round(clock.monotonic() - startedAt),
  };
}

/** The stream's chunks, cut off by the signal even when the stream itself does not hear it: a hung provider must not hold a process that stops. */
async function* untilAborted<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = stream[Symbol.asyncIterator]();
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  aborted.catch(() => {});
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (signal.aborted) void iterator.return?.().catch(() => {});
  }
}

/** The document form: what `llm_result` records. */
export function modelTurnToDocument(turn: ModelTurn): JsonObject {
  return {
    text: turn.text,
    tool_calls: turn.toolCalls.map(({ id, name, arguments: args, problem, providerMetadata }) => ({
      id,
      name,
      arguments: args,
      ...(problem === undefined ? {} : { problem }),
      ...(providerMetadata === undefined ? {} : { provider_metadata: providerMetadata }),
    })),
    finish_reason: turn.finishReason,
    usage: { input_tokens: turn.usage.inputTokens, output_tokens: turn.usage.outputTokens, cached_input_tokens: turn.usage.cachedInputTokens },
    cost: turn.cost,
    duration_ms: turn.durationMs,
  };
}

/** Reads what {@link modelTurnToDocument} wrote. */
export function modelTurnFromDocument(document: JsonObject): ModelTurn {
  const { text, tool_calls, finish_reason, usage, cost, duration_ms } = document as unknown as {
    text: string;
    tool_calls: (Omit<TurnToolCall, 'providerMetadata'> & { provider_metadata?: JsonObject })[];
    finish_reason: ModelFinishReason;
    usage: { input_tokens: number; output_tokens: number; cached_input_tokens: number };
    cost: number | null;
    duration_ms: number;
  };
  return {
    text,
    toolCalls: tool_calls.map(({ id, name, arguments: args, problem, provider_metadata }) => ({
      id,
      name,
      arguments: args,
      ...(problem === undefined ? {} : { problem }),
      ...(provider_metadata === undefined ? {} : { providerMetadata: provider_metadata }),
    })),
    finishReason: finish_reason,
    usage: { inputTokens: usage.input_tokens, outputTokens: usage.output_tokens, cachedInputTokens: usage.cached_input_tokens },
    cost,
    durationMs: duration_ms,
  };
}
