import { CortexError, describeError, type Clock, type IdGenerator, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError, MemoryReadError, MemoryWriteError } from '../errors.ts';
import { LexicalIndex } from '../lexical-index.ts';
import { newMemory, toResult, type Memory, type MemoryProvider, type MemoryResult } from '../memory-provider.ts';
import { assertLimit, assertMinScore } from '../search-limits.ts';
import type { RootedFolder } from './rooted-folder.ts';

/** Where the memories lie, and how a query is read. */
export const FileMemoryProviderOptions = z.strictObject({
  /** Folder of the memories below the root, such as one for each agent. */
  collection: z.string().regex(/^[a-z0-9]+(?:[-_][a-z0-9]+)*$/, 'must be lower-case letters and digits with single hyphens or underscores inside').max(100).default('agent_memory'),
  /** Different words of a query that are looked for; the rest of a long query is ignored. */
  maxQueryWords: z.int().min(1).default(64),
});
export type FileMemoryProviderOptions = z.input<typeof FileMemoryProviderOptions>;

/** A memory as it is stored. Fields of later versions are passed over. */
const MemoryRecord = z.looseObject({
  v: z.literal(1),
  memory_id: z.string(),
  content: z.string(),
  metadata: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  created_at: z.number(),
});

const maxRecordBytes = 16 * 1024 * 1024;
const fileNamePattern = /^[0-9A-Za-z-]{1,100}\.json$/;

/**
 * Long-term memory in files, one for each memory, lexical (see {@link LexicalIndex}): offline, on stable storage when `add` returns, shared by all processes of a
 * folder. A file never changes, so a search looks at the names and reads what is new; meant for some ten thousand memories.
 */
export class FileMemoryProvider implements MemoryProvider {
  readonly #deps: { folder: RootedFolder; createId: IdGenerator; clock: Clock };
  readonly #path: readonly string[];
  readonly #index: LexicalIndex;
  readonly #memories = new Map<string, Memory>();
  #isClosed = false;

  constructor(deps: { folder: RootedFolder; createId: IdGenerator; clock: Clock }, options: FileMemoryProviderOptions = {}) {
    const { collection, maxQueryWords } = FileMemoryProviderOptions.parse(options);
    this.#deps = deps;
    this.#path = ['_memories', collection];
    this.#index = new LexicalIndex({ maxQueryWords });
  }

  async add(content: string, options: { metadata?: JsonObject } = {}): Promise<string> {
    this.#assertOpen();
    const { memoryId, metadata, createdAt } = newMemory(this.#deps, content, options.metadata);
    const record: z.infer<typeof MemoryRecord> = { v: 1, memory_id: memoryId, content, metadata, created_at: createdAt };
    await this.#guard(MemoryWriteError, memoryId, () => this.#deps.folder.claim(this.#pathOf(memoryId), Buffer.from(`${JSON.stringify(record)}\n`)));
    return memoryId;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertMinScore(minScore);
    await this.#guard(MemoryReadError, this.#path.join('/'), () => this.#readNew());
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
    if (!fileNamePattern.test(`${memoryId}.json`)) return false; // no id of ours, and no file name
    return this.#guard(MemoryWriteError, memoryId, async () => {
      const isThere = (await this.#deps.folder.read(this.#pathOf(memoryId), maxRecordBytes)) !== undefined;
      if (isThere) await this.#deps.folder.remove(this.#pathOf(memoryId));
      return isThere;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#memories.clear();
    this.#index.clear();
  }

  async #readNew(): Promise<void> {
    const gone = new Set(this.#memories.keys());
    for (const { name, kind } of await this.#deps.folder.list(this.#path)) {
      if (kind !== 'file' || !fileNamePattern.test(name)) continue;
      const memoryId = name.slice(0, -'.json'.length);
      if (gone.delete(memoryId)) continue;
      await this.#guard(MemoryReadError, this.#pathOf(memoryId).join('/'), () => this.#readOne(memoryId));
    }
    for (const memoryId of gone) {
      this.#memories.delete(memoryId);
      this.#index.delete(memoryId);
    }
  }

  async #readOne(memoryId: string): Promise<void> {
    const bytes = await this.#deps.folder.read(this.#pathOf(memoryId), maxRecordBytes);
    if (bytes === undefined) return; // deleted meanwhile
    const { content, metadata, created_at: createdAt } = MemoryRecord.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    this.#memories.set(memoryId, { memoryId, content, metadata, createdAt });
    this.#index.set(memoryId, content);
  }

  #pathOf(memoryId: string): string[] {
    return [...this.#path, `${memoryId}.json`];
  }

  async #guard<T>(Failure: typeof MemoryReadError | typeof MemoryWriteError, entry: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw CortexError.is(error) ? error : new Failure(entry, describeError(error), { cause: error });
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}
