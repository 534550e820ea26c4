import { hash } from 'node:crypto';

import { CortexError, describeError, type Clock, type IdGenerator } from '@cortex-runtime/core';
import { z } from 'zod';

import type { Embedder } from '../embedding/embedder.ts';
import { rankMemories } from '../embedding/rank-memories.ts';
import { embedUnits } from '../embedding/unit-vector.ts';
import { MemoryClosedError, MemoryReadError } from '../errors.ts';
import { newMemory, type AddMemoryOptions, type Memory, type MemoryProvider, type MemoryResult } from '../memory-provider.ts';
import { assertLimit, assertMinScore } from '../search-limits.ts';
import { CollectionName, MemoryRecords } from './memory-records.ts';
import type { RootedFolder } from './rooted-folder.ts';

/** Where the memories lie. */
export const FileEmbeddingMemoryOptions = z.strictObject({
  /** Folder of the memories below the root; the same as that of a `FileMemoryProvider`, whose memories are found too. */
  collection: CollectionName.default('agent_memory'),
});
export type FileEmbeddingMemoryOptions = z.input<typeof FileEmbeddingMemoryOptions>;

const maxVectorBytes = 4 * 100_000;

/**
 * Long-term memory by meaning in files: the memories are those of a `FileMemoryProvider`, their vectors lie beside them in `_vectors/<collection>/<model>/<id>.f32`.
 *
 * A memory is on stable storage when `add` returns, also when the embedding model can not be reached. Vectors are a cache, for each model its own: what has none is
 * embedded by the next search, many texts in one call. The score is the cosine of the angle between query and memory; what points away is not found.
 */
export class FileEmbeddingMemoryProvider implements MemoryProvider {
  readonly #deps: { folder: RootedFolder; embedder: Embedder; createId: IdGenerator; clock: Clock };
  readonly #records: MemoryRecords;
  readonly #vectorsPath: readonly string[];
  /** By memory id. */
  readonly #vectors = new Map<string, Float32Array>();
  #searching: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(deps: { folder: RootedFolder; embedder: Embedder; createId: IdGenerator; clock: Clock }, options: FileEmbeddingMemoryOptions = {}) {
    const { collection } = FileEmbeddingMemoryOptions.parse(options);
    this.#deps = deps;
    this.#records = new MemoryRecords(deps, collection);
    this.#vectorsPath = ['_vectors', collection, hash('sha256', deps.embedder.modelId, 'hex').slice(0, 16)];
  }

  async add(content: string, options: AddMemoryOptions = {}): Promise<string> {
    this.#assertOpen();
    const memory = newMemory(this.#deps, content, options);
    const isNew = await this.#records.add(memory);
    if (isNew) await this.#embed([memory]).catch(() => undefined); // the next search does it, and says what is wrong
    return memory.memoryId;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertMinScore(minScore);
    // One at a time: two that find the same memories without vectors would pay for them twice.
    const search = this.#searching.then(() => this.#search(query, { limit, minScore }));
    this.#searching = search.catch(() => undefined);
    return search;
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    const isThere = await this.#records.delete(memoryId);
    if (isThere) await this.#deps.folder.remove(this.#pathOf(memoryId));
    return isThere;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#records.clear();
    this.#vectors.clear();
  }

  async #search(query: string, options: { limit: number; minScore: number }): Promise<MemoryResult[]> {
    const { removed } = await this.#records.refresh();
    for (const memoryId of removed) this.#vectors.delete(memoryId);
    const memories = [...this.#records.all()];
    if (query.trim() === '' || memories.length === 0) return [];
    await this.#loadVectors(memories);
    const [wanted = new Float32Array()] = await embedUnits(this.#deps.embedder, [query]);
    // A vector of another length is of a model that was told to give other dimensions, or no vector: made anew.
    await this.#embed(memories.filter(({ memoryId }) => this.#vectors.get(memoryId)?.length !== wanted.length));
    this.#assertOpen();
    return rankMemories(memories.map((memory) => ({ memory, vector: this.#vectors.get(memory.memoryId) ?? new Float32Array() })), wanted, options);
  }

  async #loadVectors(memories: readonly Memory[]): Promise<void> {
    for (const { memoryId } of memories) {
      if (this.#vectors.has(memoryId)) continue;
      const bytes = await this.#deps.folder.read(this.#pathOf(memoryId), maxVectorBytes).catch((error: unknown) => {
        throw CortexError.is(error) ? error : new MemoryReadError(this.#pathOf(memoryId).join('/'), describeError(error), { cause: error });
      });
      if (bytes !== undefined && bytes.length % 4 === 0) this.#vectors.set(memoryId, new Float32Array(Uint8Array.from(bytes).buffer));
    }
  }

  async #embed(memories: readonly Memory[]): Promise<void> {
    const vectors = await embedUnits(this.#deps.embedder, memories.map(({ content }) => content));
    for (const [index, { memoryId }] of memories.entries()) {
      const vector = vectors[index] ?? new Float32Array();
      this.#vectors.set(memoryId, vector);
      await this.#deps.folder.replace(this.#pathOf(memoryId), new Uint8Array(vector.buffer)).catch(() => undefined); // a cache
    }
  }

  #pathOf(memoryId: string): string[] {
    return [...this.#vectorsPath, `${memoryId}.f32`];
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}
