import { AgentRuntime, type RuntimeDependencies } from '@cortex-runtime/agent-process';
import { InvalidInputError } from '@cortex-runtime/core';
import { createModelProvider } from '@cortex-runtime/models';
import { mcpServer } from '@cortex-runtime/plugins/mcp';
import type { CronScheduler, WebhookRoutes } from '@cortex-runtime/triggers';

import type { HostMesh } from './mesh/host-mesh.ts';
import type { Journals } from './open-journals.ts';
import type { HostPlugins } from './plugins/host-plugins.ts';
import { pluginsProcessId } from './plugins/plugins-process.ts';
import type { HostStorage, HostStorageDeps } from './storage/host-storage.ts';

export interface BuildRuntimeDeps extends HostStorageDeps {
  journals: Journals;
  plugins: HostPlugins;
  scheduler: CronScheduler;
  webhookRoutes: WebhookRoutes;
  storage: HostStorage;
  mesh: HostMesh;
}

/** Chooses the adapters of a runtime: this is the one place that knows them all. */
export function buildRuntime(deps: BuildRuntimeDeps, options: { hibernateAfterMs: number; version: string }): AgentRuntime {
  const { clock, random, disk, net, logger, createId, environment, journals, plugins, scheduler, webhookRoutes, prices, storage, mesh } = deps;
  const collaborators: RuntimeDependencies = {
    clock, random, disk, net, logger, createId, environment, scheduler, webhookRoutes,
    openJournal: async (config, { processName, baseDirectory }) => {
      if (processName === pluginsProcessId) throw new InvalidInputError('name', `${JSON.stringify(pluginsProcessId)} is what the host calls its record of plugins and approvals; choose another name`);
      return journals.open(config, baseDirectory);
    },
    createModel: (config, { processName, baseDirectory }) =>
      createModelProvider(
        config.model,
        { net, clock, random, disk, environment, baseDirectory, logger: logger.child({ process: processName }) },
        definedOnly({ ...config.modelOptions }),
      ),
    createToolSource: (name, config, { processName, baseDirectory, toolTimeoutMs }) =>
      plugins.serverSource(name, config, { processName, baseDirectory }, () =>
        mcpServer({ clock, net, environment, logger: logger.child({ process: processName, server: name }) }, name, config, { baseDirectory, timeoutMs: toolTimeoutMs, clientVersion: options.version })),
    createPluginSource: (name, config, place) => plugins.pluginSource(name, config, place),
    isApprovalAnswered: (approvalId) => plugins.isAnswered(approvalId),
    createMemory: (config, place) => storage.memories.open(config, place),
    typedMemory: storage.typedMemory,
    sessions: storage.sessions,
    eventBus: mesh.eventBus,
    broker: mesh.broker,
    tasks: mesh.tasks,
    mesh: mesh.served,
    replies: mesh.replies,
    costOf: (modelId, usage) => prices.costOf(modelId, usage),
  };
  return new AgentRuntime(collaborators, options.hibernateAfterMs > 0 ? { hibernateAfterMs: options.hibernateAfterMs } : {});
}

/** Without the properties that are undefined, which strict optional properties tell from absent ones. */
function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
