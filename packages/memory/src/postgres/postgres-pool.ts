import { InvalidInputError } from '@cortex-runtime/core';

/** What is needed of a PostgreSQL client: a `Pool` of `pg` fits, and so does a shim over PGlite. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
}

/** Identifier of a schema or table, for use inside SQL. @throws InvalidInputError when it is no plain identifier */
export function assertIdentifier(name: string, field: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new InvalidInputError(field, `must be lower-case letters, digits and "_", got ${JSON.stringify(name)}`);
  return name;
}

/** Runs DDL once at a time over all processes: `create table if not exists` alone fails when two run it together. One query without parameters is one transaction. */
export async function migrate(pool: PostgresPool, ddl: string): Promise<void> {
  await pool.query(`select pg_advisory_xact_lock(7236912);\n${ddl}`);
}

/** Well above what a text's words need; the index of PostgreSQL takes no word of more than 2,700 bytes. */
export function indexedWords(words: readonly string[]): string[] {
  return [...new Set(words.map((word) => word.slice(0, 200)))].slice(0, 20_000);
}
