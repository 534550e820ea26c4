/** Turns texts into vectors whose angle tells how near in meaning they are. `createEmbedder` of `@cortex-runtime/models` makes one. */
export interface Embedder {
  /** As in manifests: `openai:text-embedding-3-small`. Vectors of different models can not be compared. */
  readonly modelId: string;
  /** One vector for each text, in order, all of one length. */
  embed(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<readonly (readonly number[] | Float32Array)[]>;
}
