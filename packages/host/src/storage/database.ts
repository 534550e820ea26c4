import { describeError, type Logger } from '@cortex-runtime/core';
import type { PostgresPool } from '@cortex-runtime/memory/postgres';
import type { Pool } from 'pg';

import { HostConfigError } from '../errors.ts';
import { optionalDriver } from './optional-driver.ts';

/** Connections of the host to PostgreSQL, made when they are first asked for. */
export interface Database {
  /**
   * @param need - who asks, for the message when it can not be had
   * @throws HostConfigError without CORTEX_DATABASE_URL; DriverMissingError without the package `pg`
   */
  pool(need: string): Promise<PostgresPool>;
  close(): Promise<void>;
}

const connectTimeoutMs = 10_000;
const queryTimeoutMs = 30_000;

/** The database of CORTEX_DATABASE_URL; nothing is connected yet. */
export function openDatabase(deps: { logger: Logger }, url: string | undefined): Database {
  let opened: Promise<Pool> | undefined;
  const open = async (need: string, connectionString: string): Promise<Pool> => {
    const { default: pg } = await optionalDriver(need, 'pg', () => import('pg'));
    const pool = new pg.Pool({ connectionString, max: 10, connectionTimeoutMillis: connectTimeoutMs, query_timeout: queryTimeoutMs, application_name: 'cortex' });
    // Of a connection that nobody uses at the moment; the next query makes another.
    pool.on('error', (error) => deps.logger.warn({ problem: describeError(error) }, 'a connection to the database was lost'));
    return pool;
  };
  return {
    async pool(need) {
      if (url === undefined) throw new HostConfigError(`${need} needs PostgreSQL: set CORTEX_DATABASE_URL, such as postgres://user:password@host/database`);
      opened ??= open(need, url);
      opened.catch(() => (opened = undefined));
      return opened;
    },
    async close() {
      await (await opened?.catch(() => undefined))?.end();
    },
  };
}
