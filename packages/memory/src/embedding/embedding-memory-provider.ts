import { InvalidInputError, type Clock, type IdGenerator, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError } from '../errors.ts';
import { newMemory, toResult, type Memory, type MemoryProvider, type MemoryResult } from '../memory-provider.ts';
import { assertLimit, assertMinScore } from '../search-limits.ts';
import type { Embedder } from './embedder.ts';

/** How much is kept in memory. */
export const EmbeddingMemoryOptions = z.strictObject({
  /** Memories kept; beyond it the oldest goes. */
  maxMemories: z.int().min(1).default(10_000),
});
export type EmbeddingMemoryOptions = z.input<typeof EmbeddingMemoryOptions>;

/** Long-term memory by meaning, in this process: the score is the cosine of the angle between query and memory; what points away is not found. */
export class EmbeddingMemoryProvider implements MemoryProvider {
  readonly #deps: { embedder: Embedder; createId: IdGenerator; clock: Clock };
  readonly #maxMemories: number;
  /** Oldest first, with vectors of length 1. */
  readonly #memories = new Map<string, { memory: Memory; vector: Float32Array }>();
  #isClosed = false;

  constructor(deps: { embedder: Embedder; createId: IdGenerator; clock: Clock }, options: EmbeddingMemoryOptions = {}) {
    this.#deps = deps;
    this.#maxMemories = EmbeddingMemoryOptions.parse(options).maxMemories;
  }

  async add(content: string, options: { metadata?: JsonObject } = {}): Promise<string> {
    this.#assertOpen();
    const memory = newMemory(this.#deps, content, options.metadata);
    const vector = await this.#embed(content);
    this.#assertOpen();
    this.#memories.set(memory.memoryId, { memory, vector });
    for (const oldest of this.#memories.keys()) {
      if (this.#memories.size <= this.#maxMemories) break;
      this.#memories.delete(oldest);
    }
    return memory.memoryId;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertMinScore(minScore);
    if (query.trim() === '' || this.#memories.size === 0) return [];
    const wanted = await this.#embed(query);
    return [...this.#memories.values()]
      .map(({ memory, vector }) => ({ memory, score: Math.min(1, dotProduct(wanted, vector)) }))
      .filter(({ score }) => score > 0 && score >= minScore)
      .sort((a, b) => b.score - a.score)
      .slice(0, limit)
      .map(({ memory, score }) => toResult(memory, score));
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    return this.#memories.delete(memoryId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#memories.clear();
  }

  async #embed(text: string): Promise<Float32Array> {
    const [vector] = await this.#deps.embedder.embed([text]);
    const length = Math.hypot(...(vector ?? []));
    if (vector === undefined || !Number.isFinite(length)) throw new InvalidInputError('embedding', `${this.#deps.embedder.modelId} gave no vector of finite numbers`);
    return Float32Array.from(vector, (each) => (length === 0 ? 0 : each / length));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}

function dotProduct(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new InvalidInputError('embedding', `vectors of ${a.length} and ${b.length} numbers can not be compared; one memory needs one embedding model`);
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
