import { InvalidInputError } from '@cortex-runtime/core';

/** Turns texts into vectors whose angle tells how near in meaning they are. */
export interface Embedder {
  /** As in manifests: `openai:text-embedding-3-small`. Vectors of different models can not be compared. */
  readonly modelId: string;
  /** One vector for each text, in order, all of one length. */
  embed(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<readonly (readonly number[] | Float32Array)[]>;
}

/** An embedding model of the Vercel AI SDK, as little of it as is needed: `createOpenAI({ … }).embedding('text-embedding-3-small')` fits. */
export interface AiSdkEmbeddingModel {
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: number | undefined | PromiseLike<number | undefined>;
  doEmbed(call: { values: string[]; abortSignal?: AbortSignal }): PromiseLike<{ embeddings: number[][] }>;
}

/** An embedder over a model of the AI SDK; more texts than one call takes become several calls. */
export function aiSdkEmbedder(model: AiSdkEmbeddingModel): Embedder {
  return {
    modelId: `${model.provider}:${model.modelId}`,
    async embed(texts, options) {
      const perCall = Math.max(1, Math.min((await model.maxEmbeddingsPerCall) ?? 100, 2_048));
      const vectors: number[][] = [];
      for (let from = 0; from < texts.length; from += perCall) {
        const { embeddings } = await model.doEmbed({ values: texts.slice(from, from + perCall), ...(options?.signal === undefined ? {} : { abortSignal: options.signal }) });
        vectors.push(...embeddings);
      }
      if (vectors.length !== texts.length) throw new InvalidInputError('embeddings', `${model.modelId} gave ${vectors.length} vectors for ${texts.length} texts`);
      return vectors;
    },
  };
}
