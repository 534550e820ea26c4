/** What one request for embeddings came to. */
export interface EmbeddingUsage {
  modelId: string;
  /** Texts in the request. */
  texts: number;
  inputTokens: number;
  /** The provider reports no tokens; they are estimated, rather too many. */
  isEstimated: boolean;
  /** USD; undefined when the model has no known price, which is not the same as 0. */
  cost: number | undefined;
}

export interface EmbedOptions {
  signal?: AbortSignal;
  /** Told of every request that was answered, at once: what a later one makes of the call does not change what this one cost. What it throws ends the call. */
  onUsage?: (usage: EmbeddingUsage) => void;
}

/** Turns texts into vectors whose angle tells how near in meaning they are. It fits the `Embedder` of `@cortex-runtime/memory`. */
export interface TextEmbedder {
  /** As in manifests: `openai:text-embedding-3-small`. Vectors of different models can not be compared. */
  readonly modelId: string;
  /**
   * One vector for each text, in order, all of one length. More texts than one request takes become several, one after the other.
   *
   * @throws InvalidInputError when a text is blank
   * @throws ModelError as a model does; what had been answered before is reported and not given back
   */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<number[][]>;
}
