import { createHash } from 'node:crypto';
import { resolve } from 'node:path';

import { CortexError, describeError, type Clock, type Disk, type IdGenerator, type JsonObject, type Logger } from '@cortex-runtime/core';
import type { Journal } from '@cortex-runtime/journal';
import type { ProcessConfig, ServerConfig } from '@cortex-runtime/manifest';
import { createPluginRegistry, environmentCredentials, operatorTokens, toolSourcePlugin, type PluginRegistry, type PluginView, type ToolSource } from '@cortex-runtime/plugins';
import type { PluginConfig } from '@cortex-runtime/plugins/config';
import type { ServedPlugins } from '@cortex-runtime/server';

import { findPlugin } from './find-plugin.ts';
import { listedPlugins } from './listed-plugins.ts';
import { PluginUses } from './plugin-uses.ts';
import { pluginsProcessId } from './plugins-process.ts';

export interface HostPluginsDeps {
  clock: Clock;
  disk: Disk;
  logger: Logger;
  createId: IdGenerator;
  environment: Readonly<Record<string, string | undefined>>;
  /** The host's own: calls and approvals are entries of its process `plugins`. */
  journal: Journal;
  workingDirectory: string;
  /** Of the host: whoever has it may call what is for operators. */
  token: string;
}

/** An agent, as far as its plugins go. */
export interface PluginUser {
  processName: string;
  baseDirectory: string;
}

/** The plugins of a host: one registry, filled by what manifests name. */
export interface HostPlugins {
  readonly registry: PluginRegistry;
  /** Loads what agents name and sets it up, so that what is wrong is told at the start. Never rejects: what can not be loaded or set up is logged, and tried again when it is used. */
  prepare(agents: readonly { config: ProcessConfig; user: PluginUser }[]): Promise<void>;
  /** The tools of a plugin for one agent. Closing the source leaves the plugin to the others. */
  pluginSource(name: string, config: PluginConfig, user: PluginUser): ToolSource;
  /** The tools of an agent's MCP server: through the registry when it has tiers, else as they are. */
  serverSource(name: string, config: ServerConfig, user: PluginUser, open: () => ToolSource): ToolSource;
  /** Whether nobody has to be waited for any more; also when nothing is known of the approval. */
  isAnswered(approvalId: string): Promise<boolean>;
  readonly served: ServedPlugins;
  close(): Promise<void>;
}

export function hostPlugins(deps: HostPluginsDeps): HostPlugins {
  const { clock, createId, disk, environment, journal, logger } = deps;
  const registry = createPluginRegistry(
    { clock, createId, disk, environment, journal, logger, broker: environmentCredentials(environment), operators: operatorTokens({ operator: deps.token }) },
    { processId: pluginsProcessId },
  );
  const uses = new PluginUses();
  const loading = new Map<string, Promise<void>>();
  const unloading = new Map<string, Promise<void>>();
  let isClosed = false;

  /** Agents that want a plugin with the same settings share it: it is set up once, and its limits are those of its service. */
  function notePlugin(name: string, config: PluginConfig, { processName, baseDirectory }: PluginUser): { id: string; view: PluginView } {
    // A package is looked for from the folder of the manifest on.
    const place = config.path === undefined ? [config.package, config.package === undefined ? undefined : baseDirectory] : [resolve(baseDirectory, config.path)];
    const isPlain = config.package === undefined && config.path === undefined && Object.keys(config.settings).length === 0;
    const id = isPlain ? name : `${name}@${createHash('sha256').update(JSON.stringify([place, config.settings])).digest('hex').slice(0, 8)}`;
    const view: PluginView = { allow: config.allow, actions: config.actions };
    uses.note(id, name, processName, view);
    return { id, view };
  }

  function load(id: string, name: string, config: PluginConfig, baseDirectory: string): Promise<void> {
    if (registry.has(id)) return Promise.resolve();
    const known = loading.get(id);
    if (known !== undefined) return known;
    const work = findPlugin(deps, name, config, baseDirectory)
      .then(async (plugin) => {
        if (isClosed) return;
        await registry.register(plugin, { as: id, settings: config.settings as JsonObject });
        uses.noteProblem(id, undefined);
      })
      .catch((error: unknown) => {
        uses.noteProblem(id, describeError(error));
        throw error;
      })
      .finally(() => loading.delete(id));
    loading.set(id, work);
    return work;
  }

  const serverId = (name: string, { processName }: PluginUser) => `${processName}/${name}`;
  const serverView = ({ approvalTtlMs }: ServerConfig): PluginView => (approvalTtlMs === undefined ? {} : { actions: { '*': { approvalTtlMs } } });
  const hasTiers = ({ tiers }: ServerConfig) => Object.keys(tiers).length > 0;

  const plugins: HostPlugins = {
    registry,
    async prepare(agents) {
      const wanted = new Map<string, { name: string; config: PluginConfig; user: PluginUser }>();
      for (const { config, user } of agents) {
        for (const [name, server] of Object.entries(config.servers)) if (hasTiers(server)) uses.note(serverId(name, user), name, user.processName, serverView(server));
        for (const [name, plugin] of Object.entries(config.plugins)) wanted.set(notePlugin(name, plugin, user).id, { name, config: plugin, user });
      }
      await Promise.all([...wanted].map(async ([id, { name, config, user }]) => {
        try {
          await load(id, name, config, user.baseDirectory);
          if (registry.has(id)) await registry.setUp(id);
        } catch (error) {
          if (CortexError.is(error) && error.code === 'PLUGIN_SETUP_FAILED') return; // the registry has logged it
          logger.error({ process: user.processName, plugin: name, problem: describeError(error) }, 'a plugin can not be used; its next use tries again');
        }
      }));
    },
    pluginSource(name, config, user) {
      const { id, view } = notePlugin(name, config, user);
      return {
        name,
        async tools() {
          await load(id, name, config, user.baseDirectory);
          return registry.toolSource(id, view).tools();
        },
        close: () => Promise.resolve(),
      };
    },
    serverSource(name, config, user, open) {
      if (!hasTiers(config)) return open();
      const id = serverId(name, user);
      const view = serverView(config);
      uses.note(id, name, user.processName, view);
      return {
        name,
        async tools() {
          await unloading.get(id);
          if (!registry.has(id)) await registry.register(toolSourcePlugin(open(), { tiers: config.tiers, description: `MCP server of ${user.processName}` }), { as: id });
          return registry.toolSource(id, view).tools();
        },
        /** Ends the connection; the next use makes another. */
        async close() {
          if (!registry.has(id)) return;
          const work = registry.unload(id).finally(() => unloading.delete(id));
          unloading.set(id, work);
          await work;
        },
      };
    },
    async isAnswered(approvalId) {
      try {
        return (await registry.approval(approvalId)).status !== 'pending';
      } catch (error) {
        if (CortexError.is(error) && error.code === 'APPROVAL_NOT_FOUND') return true;
        throw error;
      }
    },
    served: {
      approvals: (status) => registry.approvals(status),
      approval: (id) => registry.approval(id),
      approve: (id, decision) => registry.approve(id, decision),
      deny: (id, decision) => registry.deny(id, decision),
      list: () => listedPlugins(registry, uses.list()),
    },
    async close() {
      isClosed = true;
      await registry.close();
    },
  };
  return plugins;
}
