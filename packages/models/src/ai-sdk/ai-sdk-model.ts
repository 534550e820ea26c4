import { jitteredBackoffMs, sleep, type JsonObject } from '@cortex-runtime/core';
import type { LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3StreamPart, LanguageModelV3Usage, SharedV3ProviderOptions } from '@ai-sdk/provider';

import { ModelAbortedError, ModelError, ModelRateLimitedError, ModelStreamBrokenError, ModelTimeoutError, ModelUnavailableError } from '../errors.ts';
import type { ModelChunk, ModelFinishReason, ModelProvider, ModelRequest, ModelUsage } from '../model-provider.ts';
import type { ModelProviderDeps, ModelProviderSettings } from '../provider-options.ts';
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

/** One attempt: a call of the provider with its own deadline. */
interface Attempt {
  /** Whether any part of an answer has come; from then on nothing is tried again. */
  hasBegun: boolean;
  controller: AbortController;
  /** Rejects when the caller aborts or the time is up. */
  ended: Promise<never>;
  stop(): void;
}

/**
 * A model of the Vercel AI SDK. It calls the provider's own `doStream`: one request, one answer, no tool loop of its own.
 *
 * Tool calls are held back until the provider has ended the answer with a reason, so none is delivered from a stream that was cut,
 * also when the cut looks like a proper end of the body.
 */
export function aiSdkModel(deps: Pick<ModelProviderDeps, 'clock' | 'random' | 'logger'>, languageModel: AiSdkLanguageModel, traits: AiSdkModelTraits, settings: ModelProviderSettings): ModelProvider {
  const model = languageModel as LanguageModelV3;
  const { modelId, secrets } = traits;

  async function* stream(request: ModelRequest): AsyncGenerator<ModelChunk> {
    for (let retries = 0; ; retries += 1) {
      const attempt = startAttempt(request.signal);
      try {
        yield* answer(request, attempt);
        return;
      } catch (thrown) {
        const error = thrown instanceof ModelError ? thrown : modelErrorFrom(thrown, { modelId, hasBegun: attempt.hasBegun, now: deps.clock.now(), secrets });
        const waitMs = mayRetry(error, attempt, retries);
        if (waitMs === undefined) throw error;
        deps.logger.warn({ modelId, code: error.code, status: error.status, retry: retries + 1, waitMs }, 'model call failed; trying again');
        await sleep(deps.clock, waitMs, request.signal).catch(() => {
          throw aborted(request.signal);
        });
      } finally {
        attempt.stop();
      }
    }
  }

  async function* answer(request: ModelRequest, attempt: Attempt): AsyncGenerator<ModelChunk> {
    const { stream: parts } = await Promise.race([attempt.ended, model.doStream(callOptions(request, attempt.controller.signal))]);
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

  function startAttempt(signal: AbortSignal | undefined): Attempt {
    const controller = new AbortController();
    let fail: (error: ModelError) => void = () => undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      fail = (error) => {
        reject(error);
        controller.abort(error);
      };
    });
    ended.catch(() => undefined);
    const onAbort = () => fail(aborted(signal));
    const timer = deps.clock.setTimer(settings.timeoutMs, () => fail(new ModelTimeoutError(modelId, `${modelId} did not answer within ${settings.timeoutMs} ms`)));
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    return {
      hasBegun: false,
      controller,
      ended,
      stop() {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        controller.abort();
      },
    };
  }

  function aborted(signal: AbortSignal | undefined): ModelAbortedError {
    return new ModelAbortedError(modelId, `the call of ${modelId} was aborted`, { cause: signal?.reason });
  }

  /** Milliseconds to wait, or undefined when the error is for the caller. */
  function mayRetry(error: ModelError, attempt: Attempt, retries: number): number | undefined {
    if (attempt.hasBegun || retries >= settings.maxRetries) return undefined;
    if (!(error instanceof ModelRateLimitedError || error instanceof ModelUnavailableError)) return undefined;
    if (error.retryAfterMs !== undefined) return error.retryAfterMs <= settings.retryMaxMs ? error.retryAfterMs : undefined;
    return jitteredBackoffMs(retries + 1, { baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs }, deps.random);
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
