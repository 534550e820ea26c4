import { CortexError, describeError, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryReadError, MemoryWriteError } from '../errors.ts';
import { isMemoryId, type Memory } from '../memory-provider.ts';
import type { RootedFolder } from './rooted-folder.ts';

/** Name of a folder of memories below the root, such as one for each agent. */
export const CollectionName = z.string().regex(/^[a-z0-9]+(?:[-_][a-z0-9]+)*$/, 'must be lower-case letters and digits with single hyphens or underscores inside').max(100);

/** A memory as it is stored. Fields of later versions are passed over. */
const MemoryRecord = z.looseObject({
  v: z.literal(1),
  memory_id: z.string(),
  content: z.string(),
  metadata: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  created_at: z.number(),
});

const maxRecordBytes = 16 * 1024 * 1024;

/** What has changed since the folder was last read. */
export interface RecordChanges {
  added: Memory[];
  removed: string[];
}

/** Memories in a folder, a file each: `_memories/<collection>/<id>.json`. A file never changes, so reading on looks at the names and reads what is new. */
export class MemoryRecords {
  readonly #folder: RootedFolder;
  readonly #path: readonly string[];
  readonly #memories = new Map<string, Memory>();
  #reading: Promise<unknown> = Promise.resolve();

  constructor(deps: { folder: RootedFolder }, collection: string) {
    this.#folder = deps.folder;
    this.#path = ['_memories', collection];
  }

  get(memoryId: string): Memory | undefined {
    return this.#memories.get(memoryId);
  }

  /** What was read last. */
  all(): Iterable<Memory> {
    return this.#memories.values();
  }

  /** On stable storage when it resolves. @returns false when its id is taken, and nothing was added. @throws MemoryWriteError */
  async add({ memoryId, content, metadata, createdAt }: Memory): Promise<boolean> {
    const record: z.infer<typeof MemoryRecord> = { v: 1, memory_id: memoryId, content, metadata, created_at: createdAt };
    return guard(MemoryWriteError, memoryId, () => this.#folder.claim(this.#pathOf(memoryId), Buffer.from(`${JSON.stringify(record)}\n`)));
  }

  /** @returns whether it was there. @throws MemoryWriteError */
  async delete(memoryId: string): Promise<boolean> {
    if (!isMemoryId(memoryId)) return false; // no id of ours, and perhaps no file name
    return guard(MemoryWriteError, memoryId, async () => {
      const isThere = (await this.#folder.read(this.#pathOf(memoryId), maxRecordBytes)) !== undefined;
      if (isThere) await this.#folder.remove(this.#pathOf(memoryId));
      return isThere;
    });
  }

  /** Reads what others added and deleted. One reads at a time. @throws MemoryReadError */
  refresh(): Promise<RecordChanges> {
    const read = this.#reading.then(() => guard(MemoryReadError, this.#path.join('/'), () => this.#readOn()));
    this.#reading = read.catch(() => undefined);
    return read;
  }

  clear(): void {
    this.#memories.clear();
  }

  async #readOn(): Promise<RecordChanges> {
    const gone = new Set(this.#memories.keys());
    const added: Memory[] = [];
    for (const { name, kind } of await this.#folder.list(this.#path)) {
      const memoryId = name.endsWith('.json') ? name.slice(0, -'.json'.length) : '';
      if (kind !== 'file' || !isMemoryId(memoryId) || gone.delete(memoryId)) continue;
      const memory = await guard(MemoryReadError, this.#pathOf(memoryId).join('/'), () => this.#readOne(memoryId));
      if (memory !== undefined) added.push(memory);
    }
    for (const memoryId of gone) this.#memories.delete(memoryId);
    for (const memory of added) this.#memories.set(memory.memoryId, memory);
    return { added, removed: [...gone] };
  }

  /** Undefined when it was deleted meanwhile. */
  async #readOne(memoryId: string): Promise<Memory | undefined> {
    const bytes = await this.#folder.read(this.#pathOf(memoryId), maxRecordBytes);
    if (bytes === undefined) return undefined;
    const { content, metadata, created_at: createdAt } = MemoryRecord.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return { memoryId, content, metadata, createdAt };
  }

  #pathOf(memoryId: string): string[] {
    return [...this.#path, `${memoryId}.json`];
  }
}

async function guard<T>(Failure: typeof MemoryReadError | typeof MemoryWriteError, entry: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw CortexError.is(error) ? error : new Failure(entry, describeError(error), { cause: error });
  }
}
