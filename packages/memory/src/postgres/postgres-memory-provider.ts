import type { Clock, IdGenerator, JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError } from '../errors.ts';
import { newMemory, type AddMemoryOptions, type MemoryProvider, type MemoryResult } from '../memory-provider.ts';
import { assertLimit, assertMinScore } from '../search-limits.ts';
import { splitWords } from '../split-words.ts';
import { assertIdentifier, indexedWords, migrate, type PostgresPool } from './postgres-pool.ts';
import { rankedRows } from './ranked-rows.ts';

/** Where the memories lie. */
export const PostgresMemoryProviderOptions = z.strictObject({
  /** Memories of different scopes, such as agents, see nothing of each other. */
  scope: z.string().max(200).default(''),
  /** The schema of the table; it must exist. */
  schema: z.string().default('public'),
  /** Different words of a query that are looked for. */
  maxQueryWords: z.int().min(1).default(64),
});
export type PostgresMemoryProviderOptions = z.input<typeof PostgresMemoryProviderOptions>;

/** Long-term memory in PostgreSQL, lexical: whole words in any case, rare ones weigh more. The connections belong to the caller: `close` leaves the pool open. */
export class PostgresMemoryProvider implements MemoryProvider {
  readonly #deps: { pool: PostgresPool; createId: IdGenerator; clock: Clock };
  readonly #settings: z.output<typeof PostgresMemoryProviderOptions>;
  readonly #table: string;
  #isClosed = false;

  private constructor(deps: { pool: PostgresPool; createId: IdGenerator; clock: Clock }, settings: z.output<typeof PostgresMemoryProviderOptions>) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = `${assertIdentifier(settings.schema, 'schema')}.cortex_memories`;
  }

  /** Makes the table when it is not there. */
  static async open(deps: { pool: PostgresPool; createId: IdGenerator; clock: Clock }, options: PostgresMemoryProviderOptions = {}): Promise<PostgresMemoryProvider> {
    const provider = new PostgresMemoryProvider(deps, PostgresMemoryProviderOptions.parse(options));
    await migrate(deps.pool, `
      create table if not exists ${provider.#table} (
        scope text not null, memory_id text not null, content text not null, metadata json not null, updated_at bigint not null,
        words text[] not null, primary key (scope, memory_id));
      create index if not exists cortex_memories_words on ${provider.#table} using gin (words);`);
    return provider;
  }

  async add(content: string, options: AddMemoryOptions = {}): Promise<string> {
    this.#assertOpen();
    const memory = newMemory(this.#deps, content, options);
    await this.#deps.pool.query(`insert into ${this.#table} (scope, memory_id, content, metadata, updated_at, words) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`, [
      this.#settings.scope, memory.memoryId, memory.content, JSON.stringify(memory.metadata), memory.createdAt, indexedWords(splitWords(content)),
    ]);
    return memory.memoryId;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    assertLimit(limit);
    assertMinScore(minScore);
    const words = indexedWords(splitWords(query)).slice(0, this.#settings.maxQueryWords);
    if (words.length === 0) return [];
    const { rows } = await this.#deps.pool.query(rankedRows(this.#table, 'memory_id, content, metadata, updated_at', 'true'), [this.#settings.scope, words, minScore, limit]);
    return rows.map((row) => ({
      memoryId: String(row['memory_id']),
      content: String(row['content']),
      score: Number(row['score']),
      metadata: row['metadata'] as JsonObject,
      createdAt: Number(row['updated_at']),
    }));
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    const { rowCount } = await this.#deps.pool.query(`delete from ${this.#table} where scope = $1 and memory_id = $2`, [this.#settings.scope, memoryId]);
    return rowCount === 1;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}
