import type { Clock } from '@cortex-runtime/core';
import { z } from 'zod';

import type { TypedMemoryCategory } from '../memory-category.ts';
import { MemoryProvenance, type MemorySearchResult, type MemoryVersion } from '../memory-store.ts';
import { splitWords } from '../split-words.ts';
import { MemoryStoreOptions, VersionedMemoryStore, type Head } from '../versioned-memory-store.ts';
import { assertIdentifier, indexedWords, migrate, type PostgresPool } from './postgres-pool.ts';
import { rankedRows } from './ranked-rows.ts';

/** Where the memories lie. */
export const PostgresMemoryStoreOptions = z.strictObject({
  ...MemoryStoreOptions.shape,
  /** Stores of different scopes, such as organisations, see nothing of each other. */
  scope: z.string().max(200).default(''),
  /** The schema of the tables; it must exist. */
  schema: z.string().default('public'),
});
export type PostgresMemoryStoreOptions = z.input<typeof PostgresMemoryStoreOptions>;

const columns = 'category, name, version, content, created_at, updated_at, provenance, is_deleted';

/** Memories in PostgreSQL, each version a row. The connections belong to the caller: `close` leaves the pool open. */
export class PostgresMemoryStore extends VersionedMemoryStore {
  readonly #pool: PostgresPool;
  readonly #scope: string;
  readonly #table: string;

  private constructor(deps: { pool: PostgresPool; clock: Clock }, settings: z.output<typeof PostgresMemoryStoreOptions>) {
    const { scope, schema, ...shared } = settings;
    super(deps, shared);
    this.#pool = deps.pool;
    this.#scope = scope;
    this.#table = `${assertIdentifier(schema, 'schema')}.cortex_memory_versions`;
  }

  /** Makes the table when it is not there. */
  static async open(deps: { pool: PostgresPool; clock: Clock }, options: PostgresMemoryStoreOptions = {}): Promise<PostgresMemoryStore> {
    const store = new PostgresMemoryStore(deps, PostgresMemoryStoreOptions.parse(options));
    await migrate(deps.pool, `
      create table if not exists ${store.#table} (
        scope text not null, category text not null, name text not null, version bigint not null,
        content text not null, created_at bigint not null, updated_at bigint not null, provenance jsonb not null,
        is_deleted boolean not null, words text[] not null, primary key (scope, category, name, version));
      create index if not exists cortex_memory_versions_words on ${store.#table} using gin (words);`);
    return store;
  }

  protected override async head(category: TypedMemoryCategory, name: string): Promise<Head | undefined> {
    const { rows } = await this.#pool.query(`select ${columns} from ${this.#table} where scope = $1 and category = $2 and name = $3 order by version desc limit 1`, [this.#scope, category, name]);
    const version = rows[0] === undefined ? undefined : readVersion(rows[0]);
    return version === undefined ? undefined : { version, recorded: version.version };
  }

  protected override async claim(version: MemoryVersion): Promise<boolean> {
    // Only the newest version has words, so that a search finds no other. A number below the newest one may be free again: its version is forgotten.
    const { rows } = await this.#pool.query(
      `with added as (
         insert into ${this.#table} (scope, ${columns}, words)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
         where not exists (select 1 from ${this.#table} where scope = $1 and category = $2 and name = $3 and version >= $4)
         on conflict do nothing returning version),
       outdated as (
         update ${this.#table} set words = '{}' where scope = $1 and category = $2 and name = $3 and version < $4 and words <> '{}' and exists (select 1 from added))
       select version from added`,
      [
        this.#scope, version.category, version.name, version.version, version.content, version.createdAt, version.updatedAt,
        JSON.stringify(version.provenance), version.isDeleted, version.isDeleted ? [] : indexedWords(splitWords(`${version.name} ${version.content}`)),
      ],
    );
    return rows.length === 1;
  }

  protected override async recorded(category: TypedMemoryCategory, name: string): Promise<MemoryVersion[]> {
    const { rows } = await this.#pool.query(`select ${columns} from ${this.#table} where scope = $1 and category = $2 and name = $3 order by version`, [this.#scope, category, name]);
    return rows.map(readVersion);
  }

  protected override async heads(category: TypedMemoryCategory): Promise<MemoryVersion[]> {
    const { rows } = await this.#pool.query(`select distinct on (name) ${columns} from ${this.#table} where scope = $1 and category = $2 order by name, version desc`, [this.#scope, category]);
    return rows.map(readVersion);
  }

  protected override async forget(category: TypedMemoryCategory, name: string, upTo: number): Promise<void> {
    if (upTo > 0) await this.#pool.query(`delete from ${this.#table} where scope = $1 and category = $2 and name = $3 and version <= $4`, [this.#scope, category, name, upTo]);
  }

  protected override async find(query: string, { categories, limit }: { categories: readonly TypedMemoryCategory[]; limit: number }): Promise<MemorySearchResult[]> {
    const words = indexedWords(splitWords(query)).slice(0, 64);
    if (words.length === 0) return [];
    const { rows } = await this.#pool.query(rankedRows(this.#table, columns, 't.category = any($5)'), [this.#scope, words, 0, limit, categories]);
    return rows.map((row) => {
      const { isDeleted: _, ...file } = readVersion(row);
      return { file, score: Number(row['score']) };
    });
  }
}

function readVersion(row: Record<string, unknown>): MemoryVersion {
  return {
    category: row['category'] as TypedMemoryCategory,
    name: String(row['name']),
    version: Number(row['version']),
    content: String(row['content']),
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
    provenance: MemoryProvenance.parse(row['provenance']),
    isDeleted: row['is_deleted'] === true,
  };
}
