import type { JsonObject } from '@cortex-runtime/core';
import type { LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3StreamPart, LanguageModelV3Usage, SharedV3ProviderOptions } from '@ai-sdk/provider';

import { ModelStreamBrokenError } from '../errors.ts';
import type { ModelChunk, ModelFinishReason, ModelProvider, ModelRequest, ModelUsage } from '../model-provider.ts';
import type { ModelProviderSettings } from '../provider-options.ts';
import { startAttempt, waitToRetry, type Attempt, type AttemptDeps } from './attempt.ts';
import { modelPrompt, modelTools, readToolArguments } from './model-prompt.ts';
import { modelErrorFrom } from './provider-error.ts';

/** A language model of the AI SDK's specification v3, named by shape so that our types need none of its packages. */
export interface AiSdkLanguageModel {
  readonly specificationVersion: 'v3';
  readonly provider: string;
  readonly modelId: string;
  doStream(options: never): PromiseLike<{ stream: ReadableStream<unknown> }>;
}

/** What differs between providers, besides the protocol. */
export interface AiSdkModelTraits {
  modelId: string;
  /** Strings that no error message may hold. */
  secrets: readonly string[];
  /** Options of the provider itself, by its name. */
  providerOptions?: Record<string, JsonObject>;
  /** Give the metadata of a tool call back with it. */
  returnsToolCallMetadata?: boolean;
}

/**
 * A model of the Vercel AI SDK. It calls the provider's own `doStream`: one request, one answer, no tool loop of its own.
 *
 * Tool calls are held back until the provider has ended the answer with a reason, so none is delivered from a stream that was cut,
 * also when the cut looks like a proper end of the body.
 */
export function aiSdkModel(deps: AttemptDeps, languageModel: AiSdkLanguageModel, traits: AiSdkModelTraits, settings: ModelProviderSettings): ModelProvider {
  const model = languageModel as LanguageModelV3;
  const { modelId, secrets } = traits;

  async function* stream(request: ModelRequest): AsyncGenerator<ModelChunk> {
    for (let retries = 0; ; retries += 1) {
      const attempt = startAttempt(deps.clock, modelId, settings.timeoutMs, request.signal);
      try {
        yield* answer(request, attempt);
        return;
      } catch (thrown) {
        await waitToRetry(deps, thrown, { modelId, secrets, attempt, retries, signal: request.signal }, settings);
      } finally {
        attempt.stop();
      }
    }
  }

  async function* answer(request: ModelRequest, attempt: Attempt): AsyncGenerator<ModelChunk> {
    const { stream: parts } = await Promise.race([attempt.ended, model.doStream(callOptions(request, attempt.signal))]);
    const reader = parts.getReader();
    const toolCalls: Extract<LanguageModelV3StreamPart, { type: 'tool-call' }>[] = [];
    let responseId: string | undefined;
    try {
      for (;;) {
        const { done, value } = await Promise.race([attempt.ended, reader.read()]);
        if (done) throw new ModelStreamBrokenError(modelId, `the answer of ${modelId} ended without a finish`);
        switch (value.type) {
          case 'stream-start':
            if (value.warnings.length > 0) deps.logger.debug({ modelId, warnings: value.warnings }, 'the provider does not take everything that was asked');
            break;
          case 'response-metadata':
            responseId = value.id ?? responseId;
            break;
          case 'text-delta':
            attempt.hasBegun = true;
            if (value.delta !== '') yield { type: 'text', text: value.delta };
            break;
          case 'reasoning-delta':
          case 'tool-input-start':
            attempt.hasBegun = true;
            break;
          case 'tool-call':
            attempt.hasBegun = true;
            if (value.providerExecuted !== true) toolCalls.push(value);
            break;
          case 'error':
            throw modelErrorFrom(value.error, { modelId, hasBegun: attempt.hasBegun, now: deps.clock.now(), secrets });
          case 'finish': {
            const { unified, raw } = value.finishReason;
            // Every provider starts from "other, no reason" and overwrites it when the model says why it ended: unchanged means that it never did.
            if (unified === 'error' || (unified === 'other' && raw === undefined)) throw new ModelStreamBrokenError(modelId, `the answer of ${modelId} broke off before the model ended it`);
            for (const call of toolCalls) yield toolCallChunk(call);
            yield {
              type: 'finish',
              reason: finishReasons[unified],
              usage: usageOf(value.usage),
              ...(responseId === undefined ? {} : { responseId }),
              metadata: { provider_finish_reason: raw ?? unified },
            };
            return;
          }
          default:
            break;
        }
      }
    } finally {
      reader.cancel().catch(() => undefined);
    }
  }

  function callOptions(request: ModelRequest, abortSignal: AbortSignal): LanguageModelV3CallOptions {
    const temperature = request.temperature ?? settings.temperature;
    const maxOutputTokens = request.maxOutputTokens ?? settings.maxOutputTokens;
    return {
      prompt: modelPrompt(request.messages),
      abortSignal,
      ...(request.tools.length === 0 ? {} : { tools: modelTools(request.tools), toolChoice: { type: 'auto' } }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      ...(request.idempotencyKey === undefined ? {} : { headers: { 'Idempotency-Key': request.idempotencyKey } }),
      ...(traits.providerOptions === undefined ? {} : { providerOptions: traits.providerOptions as SharedV3ProviderOptions }),
    };
  }

  function toolCallChunk(call: Extract<LanguageModelV3StreamPart, { type: 'tool-call' }>): ModelChunk {
    const read = readToolArguments(call.input);
    if (!read.ok) return { type: 'invalid_tool_call', toolCall: { id: call.toolCallId, name: call.toolName, rawArguments: call.input.slice(0, 2_000), problem: read.problem } };
    const metadata = traits.returnsToolCallMetadata === true && call.providerMetadata !== undefined ? { providerMetadata: call.providerMetadata as JsonObject } : {};
    return { type: 'tool_call', toolCall: { id: call.toolCallId, name: call.toolName, arguments: read.value, ...metadata } };
  }

  return { modelId, isLanguageModel: true, stream };
}

const finishReasons: Record<'stop' | 'length' | 'content-filter' | 'tool-calls' | 'other', ModelFinishReason> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
  other: 'other',
};

function usageOf({ inputTokens, outputTokens }: LanguageModelV3Usage): ModelUsage {
  return {
    inputTokens: inputTokens.total ?? (inputTokens.noCache ?? 0) + (inputTokens.cacheRead ?? 0) + (inputTokens.cacheWrite ?? 0),
    outputTokens: outputTokens.total ?? (outputTokens.text ?? 0) + (outputTokens.reasoning ?? 0),
    cachedInputTokens: inputTokens.cacheRead ?? 0,
  };
}
