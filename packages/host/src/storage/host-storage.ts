import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { Keyspace } from '@cortex-runtime/bus';
import type { Clock, Disk, IdGenerator, Logger, Net, Random } from '@cortex-runtime/core';
import type { PriceTable } from '@cortex-runtime/models';
import type { SessionManager } from '@cortex-runtime/session';

import type { HostConfig } from '../host-config.ts';
import { agentMemories, type AgentMemories } from '../memory/agent-memories.ts';
import { openTypedMemory, type HostMemory } from '../memory/open-typed-memory.ts';
import { openSessions } from '../sessions/open-sessions.ts';
import { openDatabase } from './database.ts';

export interface HostStorageDeps {
  clock: Clock;
  random: Random;
  disk: Disk;
  net: Net;
  logger: Logger;
  createId: IdGenerator;
  environment: Readonly<Record<string, string | undefined>>;
  prices: PriceTable;
}

/** What a host keeps besides its journal: what agents remember, and what was said to them. */
export interface HostStorage {
  memories: AgentMemories;
  typedMemory: HostMemory;
  sessions: SessionManager;
  /** Safe to call once nothing runs any more. */
  close(): Promise<void>;
}

/**
 * Opens all of it, or nothing.
 *
 * @throws StorageUnavailableError, HostConfigError, DriverMissingError; InvalidInputError when CORTEX_ORG_ID is the name of something else
 */
export async function openHostStorage(deps: HostStorageDeps, config: HostConfig, places: { dataDirectory: string; workingDirectory: string }): Promise<HostStorage> {
  const keyspace = new Keyspace(config.orgId);
  const memoryPath = config.memoryPath === undefined ? join(places.dataDirectory, 'memory') : resolve(places.workingDirectory, config.memoryPath.replace(/^~(?=\/|$)/, homedir()));
  const database = openDatabase(deps, config.databaseUrl);
  const opened: (() => Promise<void>)[] = [() => database.close()];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    const typedMemory = await openTypedMemory({ ...deps, database }, { backend: config.memoryBackend, orgId: keyspace.orgId, memoryPath });
    opened.push(() => typedMemory.close());
    const sessions = await openSessions({ ...deps, database, keyspace, memory: typedMemory.store }, config, join(places.dataDirectory, 'sessions'));
    opened.push(() => sessions.close());
    return { memories: agentMemories({ ...deps, database }, { memoryPath, orgId: keyspace.orgId }), typedMemory, sessions: sessions.manager, close };
  } catch (error) {
    await close();
    throw error;
  }
}
