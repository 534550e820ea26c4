import type { Clock, IdGenerator } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError } from '../errors.ts';
import { LexicalIndex } from '../lexical-index.ts';
import { newMemory, toResult, type AddMemoryOptions, type MemoryProvider, type MemoryResult } from '../memory-provider.ts';
import { assertLimit, assertMinScore } from '../search-limits.ts';
import { CollectionName, MemoryRecords } from './memory-records.ts';
import type { RootedFolder } from './rooted-folder.ts';

/** Where the memories lie, and how a query is read. */
export const FileMemoryProviderOptions = z.strictObject({
  /** Folder of the memories below the root, such as one for each agent. */
  collection: CollectionName.default('agent_memory'),
  /** Different words of a query that are looked for; the rest of a long query is ignored. */
  maxQueryWords: z.int().min(1).default(64),
});
export type FileMemoryProviderOptions = z.input<typeof FileMemoryProviderOptions>;

/**
 * Long-term memory in files, one for each memory, lexical (see {@link LexicalIndex}): offline, on stable storage when `add` returns, shared by all processes of a
 * folder; meant for some ten thousand memories.
 */
export class FileMemoryProvider implements MemoryProvider {
  readonly #deps: { createId: IdGenerator; clock: Clock };
  readonly #records: MemoryRecords;
  readonly #index: LexicalIndex;
  #isClosed = false;

  constructor(deps: { folder: RootedFolder; createId: IdGenerator; clock: Clock }, options: FileMemoryProviderOptions = {}) {
    const { collection, maxQueryWords } = FileMemoryProviderOptions.parse(options);
    this.#deps = deps;
    this.#records = new MemoryRecords(deps, collection);
    this.#index = new LexicalIndex({ maxQueryWords });
  }

  async add(content: string, options: AddMemoryOptions = {}): Promise<string> {
    this.#assertOpen();
    const memory = newMemory(this.#deps, content, options);
    await this.#records.add(memory);
    return memory.memoryId;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertMinScore(minScore);
    const { added, removed } = await this.#records.refresh();
    for (const { memoryId, content } of added) this.#index.set(memoryId, content);
    for (const memoryId of removed) this.#index.delete(memoryId);
    return this.#index
      .search(query)
      .filter(({ score }) => score >= minScore)
      .slice(0, limit)
      .flatMap(({ id, score }) => {
        const memory = this.#records.get(id);
        return memory === undefined ? [] : [toResult(memory, score)];
      });
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    return this.#records.delete(memoryId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#records.clear();
    this.#index.clear();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}
