import type { Clock, IdGenerator } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError } from './errors.ts';
import { LexicalIndex } from './lexical-index.ts';
import { newMemory, toResult, type AddMemoryOptions, type Memory, type MemoryProvider, type MemoryResult } from './memory-provider.ts';
import { assertLimit, assertMinScore } from './search-limits.ts';

/** How much is kept in memory. */
export const InMemoryMemoryOptions = z.strictObject({
  /** Memories kept; beyond it the oldest goes. */
  maxMemories: z.int().min(1).default(10_000),
  /** Different words of a query that are looked for; the rest of a long query is ignored. */
  maxQueryWords: z.int().min(1).default(64),
});
export type InMemoryMemoryOptions = z.input<typeof InMemoryMemoryOptions>;

/** Long-term memory in this process: lexical (see {@link LexicalIndex}), deterministic, gone when the process ends. */
export class InMemoryMemoryProvider implements MemoryProvider {
  readonly #deps: { createId: IdGenerator; clock: Clock };
  readonly #settings: z.output<typeof InMemoryMemoryOptions>;
  /** Oldest first. */
  readonly #memories = new Map<string, Memory>();
  readonly #index: LexicalIndex;
  #isClosed = false;

  constructor(deps: { createId: IdGenerator; clock: Clock }, options: InMemoryMemoryOptions = {}) {
    this.#deps = deps;
    this.#settings = InMemoryMemoryOptions.parse(options);
    this.#index = new LexicalIndex({ maxQueryWords: this.#settings.maxQueryWords });
  }

  async add(content: string, options: AddMemoryOptions = {}): Promise<string> {
    this.#assertOpen();
    const memory = newMemory(this.#deps, content, options);
    if (this.#memories.has(memory.memoryId)) return memory.memoryId;
    this.#memories.set(memory.memoryId, memory);
    this.#index.set(memory.memoryId, memory.content);
    for (const oldest of this.#memories.keys()) {
      if (this.#memories.size <= this.#settings.maxMemories) break;
      this.#forget(oldest);
    }
    return memory.memoryId;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertMinScore(minScore);
    return this.#index
      .search(query)
      .filter(({ score }) => score >= minScore)
      .slice(0, limit)
      .flatMap(({ id, score }) => {
        const memory = this.#memories.get(id);
        return memory === undefined ? [] : [toResult(memory, score)];
      });
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    return this.#forget(memoryId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#memories.clear();
    this.#index.clear();
  }

  #forget(memoryId: string): boolean {
    this.#memories.delete(memoryId);
    return this.#index.delete(memoryId);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}
