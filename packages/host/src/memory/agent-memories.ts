import { resolve } from 'node:path';

import type { ProcessPlace } from '@cortex-runtime/agent-process';
import { resolveReferences, type Clock, type IdGenerator, type Logger, type Net, type Random } from '@cortex-runtime/core';
import { ownCollection, type ProcessConfig } from '@cortex-runtime/manifest';
import { FileEmbeddingMemoryProvider, FileMemoryProvider, InMemoryMemoryProvider, type MemoryProvider } from '@cortex-runtime/memory';
import { nodeRootedFolder } from '@cortex-runtime/memory/node';
import { PostgresMemoryProvider } from '@cortex-runtime/memory/postgres';
import { createEmbedder, type EmbeddingUsage, type PriceTable } from '@cortex-runtime/models';

import type { Database } from '../storage/database.ts';
import { memoryScope } from './memory-scope.ts';
import { openedWhenUsed } from './opened-when-used.ts';

export interface AgentMemoriesDeps {
  clock: Clock;
  random: Random;
  net: Net;
  logger: Logger;
  createId: IdGenerator;
  environment: Readonly<Record<string, string | undefined>>;
  database: Database;
  prices: PriceTable;
}

/** Long-term memories of agents, as their configurations ask for them. */
export interface AgentMemories {
  /**
   * Undefined when the configuration asks for none, or for one that does nothing. Whatever has to be reached is reached by the first use.
   *
   * @throws HostConfigError, DriverMissingError, ModelProviderMissingError, ModelSettingMissingError when something that it needs is not there
   */
  open(config: ProcessConfig, place: ProcessPlace & { onEmbeddingUsage: (usage: EmbeddingUsage) => void }): Promise<MemoryProvider | undefined>;
}

/** @param options.memoryPath - where files lie, unless a configuration names another directory */
export function agentMemories(deps: AgentMemoriesDeps, options: { memoryPath: string; orgId: string | undefined }): AgentMemories {
  const { clock, createId, environment, database } = deps;
  /** Shared collections in memory; they live as long as the host. */
  const shared = new Map<string, MemoryProvider>();

  const inMemory = (scope: string, isShared: boolean): MemoryProvider => {
    if (!isShared) return new InMemoryMemoryProvider({ clock, createId });
    const memory = shared.get(scope) ?? new InMemoryMemoryProvider({ clock, createId });
    shared.set(scope, memory);
    return { add: (...given) => memory.add(...given), search: (...given) => memory.search(...given), delete: (...given) => memory.delete(...given), close: () => Promise.resolve() };
  };

  return {
    async open({ context }, { processName, baseDirectory, onEmbeddingUsage }) {
      const said = (text: string) => resolveReferences(text, environment, 'context');
      const collection = said(context.memoryCollection);
      const scope = memoryScope({ processName, collection, userId: said(context.memoryUserId) });
      const directory = context.memoryPersistDirectory === undefined ? options.memoryPath : resolve(baseDirectory, said(context.memoryPersistDirectory));
      const folder = () => nodeRootedFolder(directory);
      switch (context.memoryProvider) {
        case 'in_memory':
          return inMemory(scope, collection !== ownCollection);
        case 'file':
          return openedWhenUsed(async () => new FileMemoryProvider({ folder: await folder(), createId, clock }, { collection: scope }));
        case 'postgres': {
          const pool = await database.pool(`memory_provider postgres of ${processName}`);
          return openedWhenUsed(() => PostgresMemoryProvider.open({ pool, createId, clock }, { scope: options.orgId === undefined ? scope : `${options.orgId}:${scope}` }));
        }
        case 'embedding': {
          const { baseUrl, apiKey, dimensions } = context.memoryEmbeddingOptions;
          const embedder = await createEmbedder(
            said(context.memoryEmbeddingModel),
            { ...deps, logger: deps.logger.child({ process: processName }), onUsage: onEmbeddingUsage },
            { ...(baseUrl === undefined ? {} : { baseUrl }), ...(apiKey === undefined ? {} : { apiKey }), ...(dimensions === undefined ? {} : { dimensions }) },
          );
          return openedWhenUsed(async () => new FileEmbeddingMemoryProvider({ folder: await folder(), embedder, createId, clock }, { collection: scope }));
        }
        case 'chroma':
        case 'mem0':
        case undefined:
          return undefined;
      }
    },
  };
}
