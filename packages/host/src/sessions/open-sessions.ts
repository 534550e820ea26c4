import type { Keyspace } from '@cortex-runtime/bus';
import { CortexError, describeError, type Clock, type Disk, type IdGenerator, type Logger, type Random } from '@cortex-runtime/core';
import type { MemoryStore } from '@cortex-runtime/memory';
import { FileSessionStore, SessionManager, type SessionStore } from '@cortex-runtime/session';
import { PostgresSessionStore } from '@cortex-runtime/session/postgres';
import { RedisSessionStore } from '@cortex-runtime/session/redis';

import { StorageUnavailableError } from '../errors.ts';
import type { HostConfig } from '../host-config.ts';
import type { Database } from '../storage/database.ts';
import { openRedis } from '../storage/redis-connection.ts';
import { watchIdleSessions } from './watch-idle-sessions.ts';

export interface SessionsDeps {
  clock: Clock;
  random: Random;
  disk: Disk;
  createId: IdGenerator;
  logger: Logger;
  database: Database;
  keyspace: Keyspace;
  /** What is remembered about domains. */
  memory: MemoryStore;
}

/** The sessions of a host. */
export interface HostSessions {
  manager: SessionManager;
  close(): Promise<void>;
}

/**
 * Opens the sessions where the configuration says: files in `directory`, Redis or PostgreSQL. Marks the silent ones as idle from then on.
 *
 * @throws StorageUnavailableError, HostConfigError, DriverMissingError
 */
export async function openSessions(deps: SessionsDeps, config: HostConfig, directory: string): Promise<HostSessions> {
  const { store, close } = await openStore(deps, config, directory).catch((error: unknown) => {
    if (CortexError.is(error) && (error.code === 'HOST_CONFIG' || error.code === 'DRIVER_MISSING')) throw error;
    throw new StorageUnavailableError(`the sessions in ${config.sessionBackend === 'file' ? directory : config.sessionBackend}`, describeError(error), { cause: error });
  });
  const manager = new SessionManager({ ...deps, store }, { hotWindowSize: config.sessionHotWindow, warmSummaryThreshold: config.sessionSummaryAfter, idleAfterMs: config.sessionIdleAfterMs });
  const stopWatching = watchIdleSessions({ clock: deps.clock, logger: deps.logger, sessions: manager }, config.sessionIdleAfterMs);
  return {
    manager,
    async close() {
      stopWatching();
      await store.close();
      await close();
    },
  };
}

async function openStore(deps: SessionsDeps, config: HostConfig, directory: string): Promise<{ store: SessionStore; close: () => Promise<void> }> {
  const nothing = () => Promise.resolve();
  switch (config.sessionBackend) {
    case 'file':
      return { store: await FileSessionStore.open(deps, directory), close: nothing };
    case 'redis': {
      const redis = await openRedis(deps, 'CORTEX_SESSION_BACKEND=redis', config.redisUrl ?? '');
      return { store: new RedisSessionStore({ redis }, { keyPrefix: deps.keyspace.sessionPrefix }), close: async () => redis.disconnect() };
    }
    case 'postgres':
      return { store: await PostgresSessionStore.open({ pool: await deps.database.pool('CORTEX_SESSION_BACKEND=postgres') }, { scope: deps.keyspace.orgId ?? '' }), close: nothing };
  }
}
