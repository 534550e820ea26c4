import { InvalidInputError, type JsonObject } from '@cortex-runtime/core';

import type { EmbedderDeps, EmbedderSettings } from '../embedder-options.ts';
import { ModelAnswerInvalidError } from '../errors.ts';
import { priceTable } from '../price-table.ts';
import type { EmbeddingUsage, EmbedOptions, TextEmbedder } from '../text-embedder.ts';
import { startAttempt, waitToRetry, type AttemptDeps } from './attempt.ts';

/** An embedding model of the AI SDK's specification v3, as little of it as is needed, named by shape so that our types need none of its packages. */
export interface AiSdkEmbeddingModel {
  readonly maxEmbeddingsPerCall: number | undefined | PromiseLike<number | undefined>;
  doEmbed(call: { values: string[]; abortSignal?: AbortSignal; providerOptions?: never }): PromiseLike<{ embeddings: number[][]; usage?: { tokens: number } | undefined }>;
}

/** What differs between providers, besides the protocol. */
export interface AiSdkEmbedderTraits {
  modelId: string;
  /** Strings that no error message may hold. */
  secrets: readonly string[];
  /** Options of the provider itself, by its name. */
  providerOptions?: Record<string, JsonObject>;
}

/** An embedder over a model of the Vercel AI SDK: requests within the provider's limit, tried again as those of a language model, each reported with tokens and price. */
export function aiSdkEmbedder(deps: AttemptDeps & Pick<EmbedderDeps, 'prices' | 'onUsage'>, model: AiSdkEmbeddingModel, traits: AiSdkEmbedderTraits, settings: EmbedderSettings): TextEmbedder {
  const { modelId, secrets, providerOptions } = traits;
  const prices = deps.prices ?? priceTable();

  async function request(values: string[], signal: AbortSignal | undefined): Promise<{ embeddings: number[][]; usage: EmbeddingUsage }> {
    for (let retries = 0; ; retries += 1) {
      const attempt = startAttempt(deps.clock, modelId, settings.timeoutMs, signal);
      try {
        const call = { values, abortSignal: attempt.signal, ...(providerOptions === undefined ? {} : { providerOptions: providerOptions as never }) };
        const { embeddings, usage } = await Promise.race([attempt.ended, model.doEmbed(call)]);
        const inputTokens = usage?.tokens ?? estimateTokens(values);
        const cost = prices.costOf(modelId, { inputTokens, outputTokens: 0, cachedInputTokens: 0 });
        return { embeddings, usage: { modelId, texts: values.length, inputTokens, isEstimated: usage === undefined, cost } };
      } catch (thrown) {
        await waitToRetry(deps, thrown, { modelId, secrets, attempt, retries, signal }, settings);
      } finally {
        attempt.stop();
      }
    }
  }

  async function embed(texts: readonly string[], options: EmbedOptions = {}): Promise<number[][]> {
    for (const [index, text] of texts.entries()) if (text.trim() === '') throw new InvalidInputError(`texts[${index}]`, 'is blank; there is nothing to embed');
    const perRequest = Math.min((await model.maxEmbeddingsPerCall) ?? Number.POSITIVE_INFINITY, settings.maxTextsPerRequest);
    const vectors: number[][] = [];
    for (const values of batches(texts.map((text) => cut(text, settings.maxTextChars)), { maxTexts: perRequest, maxBytes: settings.maxBytesPerRequest })) {
      const { embeddings, usage } = await request(values, options.signal);
      deps.onUsage?.(usage);
      options.onUsage?.(usage);
      if (embeddings.length !== values.length) throw new ModelAnswerInvalidError(modelId, `${modelId} gave ${embeddings.length} vectors for ${values.length} texts`);
      for (const vector of embeddings) vectors.push(assertVector(modelId, vector, vectors[0]?.length));
    }
    return vectors;
  }

  return { modelId, embed };
}

/** Texts in order, as many in one request as its bounds allow. */
function* batches(texts: readonly string[], { maxTexts, maxBytes }: { maxTexts: number; maxBytes: number }): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const size = Buffer.byteLength(text);
    if (batch.length > 0 && (batch.length >= maxTexts || bytes + size > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function assertVector(modelId: string, vector: number[], length: number | undefined): number[] {
  if (vector.length === 0 || !vector.every(Number.isFinite)) throw new ModelAnswerInvalidError(modelId, `${modelId} gave a vector that is not one of finite numbers`);
  if (length !== undefined && vector.length !== length) throw new ModelAnswerInvalidError(modelId, `${modelId} gave vectors of ${length} and of ${vector.length} numbers`);
  return vector;
}

function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, '');
}

/** A token for three bytes of UTF-8: about a third too many for English, one for each character of Chinese. */
function estimateTokens(values: readonly string[]): number {
  return values.reduce((sum, value) => sum + Math.ceil(Buffer.byteLength(value) / 3), 0);
}
