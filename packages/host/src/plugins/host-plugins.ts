import { CortexError, describeError, type Clock, type Disk, type IdGenerator, type Logger } from '@cortex-runtime/core';
import type { Journal } from '@cortex-runtime/journal';
import type { ProcessConfig, ServerConfig } from '@cortex-runtime/manifest';
import { createPluginRegistry, environmentCredentials, operatorTokens, type PluginRegistry, type ToolSource } from '@cortex-runtime/plugins';
import type { PluginConfig } from '@cortex-runtime/plugins/config';
import type { ServedPlugins } from '@cortex-runtime/server';

import { listedPlugins } from './listed-plugins.ts';
import type { PluginUser } from './plugin-user.ts';
import { PluginUses } from './plugin-uses.ts';
import { pluginsProcessId } from './plugins-process.ts';
import { sharedPlugins } from './shared-plugins.ts';
import { tieredServers } from './tiered-servers.ts';

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

/** The plugins of a host: one registry, filled by what manifests name. */
export interface HostPlugins {
  readonly registry: PluginRegistry;
  /** Loads what agents name and sets it up, so that what is wrong is told at the start. Never rejects: what can not be loaded or set up is logged, and tried again when it is used. */
  prepare(agents: readonly { config: ProcessConfig; user: PluginUser }[]): Promise<void>;
  /** The tools of a plugin for one agent. */
  pluginSource(name: string, config: PluginConfig, user: PluginUser): ToolSource;
  /** The tools of an agent's MCP server. */
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
  const shared = sharedPlugins({ disk, environment, workingDirectory: deps.workingDirectory, registry, uses });
  const servers = tieredServers({ registry, uses });

  return {
    registry,
    async prepare(agents) {
      const wanted = new Map<string, { name: string; config: PluginConfig; user: PluginUser }>();
      for (const { config, user } of agents) {
        for (const [name, server] of Object.entries(config.servers)) servers.note(name, server, user);
        for (const [name, plugin] of Object.entries(config.plugins)) wanted.set(shared.note(name, plugin, user), { name, config: plugin, user });
      }
      await Promise.all([...wanted].map(async ([id, { name, config, user }]) => {
        try {
          await shared.load(id, name, config, user);
          await registry.setUp(id);
        } catch (error) {
          if (CortexError.is(error) && error.code === 'PLUGIN_SETUP_FAILED') return; // the registry has logged it
          logger.error({ process: user.processName, plugin: name, problem: describeError(error) }, 'a plugin can not be used; its next use tries again');
        }
      }));
    },
    pluginSource: (name, config, user) => shared.source(name, config, user),
    serverSource: (name, config, user, open) => servers.source(name, config, user, open),
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
      run: (id, action, { params, by, idempotencyKey, signal }) =>
        registry.execute(id, action, params, { requestedBy: `operator ${by}`, operatorCredential: deps.token, whenPending: 'refuse', idempotencyKey, signal }),
    },
    close: () => registry.close(),
  };
}
