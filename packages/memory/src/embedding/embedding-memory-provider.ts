import type { Clock, IdGenerator } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError } from '../errors.ts';
import { newMemory, type AddMemoryOptions, type MemoryProvider, type MemoryResult } from '../memory-provider.ts';
import { assertLimit, assertMinScore } from '../search-limits.ts';
import type { Embedder } from './embedder.ts';
import { rankMemories, type EmbeddedMemory } from './rank-memories.ts';
import { embedUnits } from './unit-vector.ts';

/** How much is kept in memory. */
export const EmbeddingMemoryOptions = z.strictObject({
  /** Memories kept; beyond it the oldest goes. */
  maxMemories: z.int().min(1).default(10_000),
});
export type EmbeddingMemoryOptions = z.input<typeof EmbeddingMemoryOptions>;

/** Long-term memory by meaning, in this process, gone when it ends: the score is the cosine of the angle between query and memory; what points away is not found. */
export class EmbeddingMemoryProvider implements MemoryProvider {
  readonly #deps: { embedder: Embedder; createId: IdGenerator; clock: Clock };
  readonly #maxMemories: number;
  /** Oldest first, with vectors of length 1. */
  readonly #memories = new Map<string, EmbeddedMemory>();
  #isClosed = false;

  constructor(deps: { embedder: Embedder; createId: IdGenerator; clock: Clock }, options: EmbeddingMemoryOptions = {}) {
    this.#deps = deps;
    this.#maxMemories = EmbeddingMemoryOptions.parse(options).maxMemories;
  }

  async add(content: string, options: AddMemoryOptions = {}): Promise<string> {
    this.#assertOpen();
    const memory = newMemory(this.#deps, content, options);
    if (this.#memories.has(memory.memoryId)) return memory.memoryId;
    const [vector = new Float32Array()] = await embedUnits(this.#deps.embedder, [content]);
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
    const [wanted = new Float32Array()] = await embedUnits(this.#deps.embedder, [query]);
    return rankMemories(this.#memories.values(), wanted, { limit, minScore });
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    return this.#memories.delete(memoryId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#memories.clear();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}
