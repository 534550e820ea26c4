import { CortexError, describeError, type Clock, type IdGenerator, type Logger } from '@cortex-runtime/core';
import { FileMemoryStore, FileProposalStore, MemoryProposals, type MemoryStore, type ProposalStore } from '@cortex-runtime/memory';
import { nodeRootedFolder } from '@cortex-runtime/memory/node';
import { PostgresMemoryStore, PostgresProposalStore } from '@cortex-runtime/memory/postgres';

import { StorageUnavailableError } from '../errors.ts';
import type { Database } from '../storage/database.ts';

export interface TypedMemoryDeps {
  clock: Clock;
  createId: IdGenerator;
  logger: Logger;
  database: Database;
}

/** The typed memory of a host, and what waits for people to decide. */
export interface HostMemory {
  store: MemoryStore;
  proposalStore: ProposalStore;
  proposals: MemoryProposals;
  close(): Promise<void>;
}

/**
 * Opens the typed memory where the configuration says, and writes what was accepted before a crash and not written.
 *
 * @throws StorageUnavailableError, HostConfigError, DriverMissingError
 */
export async function openTypedMemory(deps: TypedMemoryDeps, { backend, orgId = '', memoryPath }: { backend: 'file' | 'postgres'; orgId: string | undefined; memoryPath: string }): Promise<HostMemory> {
  const { clock, createId } = deps;
  const where = backend === 'postgres' ? 'the memory in PostgreSQL' : `the memory in ${memoryPath}`;
  try {
    const { store, proposalStore } = backend === 'postgres' ? await openInDatabase(deps, orgId) : await openInFiles(deps, memoryPath);
    const proposals = new MemoryProposals({ store, proposals: proposalStore, clock, createId });
    const finished = await proposals.finishAccepted();
    if (finished > 0) deps.logger.info({ proposals: finished }, 'memories that were accepted before the host ended are written now');
    return { store, proposalStore, proposals, close: () => store.close() };
  } catch (error) {
    if (CortexError.is(error) && (error.code === 'HOST_CONFIG' || error.code === 'DRIVER_MISSING')) throw error;
    throw new StorageUnavailableError(where, describeError(error), { cause: error });
  }
}

async function openInFiles({ clock }: TypedMemoryDeps, memoryPath: string) {
  const folder = await nodeRootedFolder(memoryPath);
  return { store: new FileMemoryStore({ folder, clock }), proposalStore: new FileProposalStore({ folder }) };
}

async function openInDatabase({ clock, database }: TypedMemoryDeps, scope: string) {
  const pool = await database.pool('CORTEX_MEMORY_BACKEND=postgres');
  return { store: await PostgresMemoryStore.open({ pool, clock }, { scope }), proposalStore: await PostgresProposalStore.open({ pool }, { scope }) };
}
