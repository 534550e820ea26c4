import type { ServerConfig } from '@cortex-runtime/manifest';
import { toolSourcePlugin, type PluginRegistry, type PluginView, type ToolSource } from '@cortex-runtime/plugins';

import type { PluginUser } from './plugin-user.ts';
import type { PluginUses } from './plugin-uses.ts';

/** The MCP servers of agents. One with tiers goes through the registry as a plugin of its agent's own; one without is left as it is. */
export interface TieredServers {
  /** Notes that an agent has a server, when it has tiers. Nothing is started. */
  note(name: string, config: ServerConfig, user: PluginUser): void;
  /** Its tools. @param open - makes the connection, which begins with its first use */
  source(name: string, config: ServerConfig, user: PluginUser, open: () => ToolSource): ToolSource;
}

export function tieredServers({ registry, uses }: { registry: PluginRegistry; uses: PluginUses }): TieredServers {
  const unloading = new Map<string, Promise<void>>();
  const hasTiers = ({ tiers }: ServerConfig) => Object.keys(tiers).length > 0;
  const idOf = (name: string, { processName }: PluginUser) => `${processName}/${name}`;

  const servers: TieredServers = {
    note(name, config, user) {
      if (hasTiers(config)) uses.note(idOf(name, user), name, user.processName, viewOf(config));
    },
    source(name, config, user, open) {
      if (!hasTiers(config)) return open();
      const id = idOf(name, user);
      servers.note(name, config, user);
      return {
        name,
        async tools() {
          await unloading.get(id);
          if (!registry.has(id)) await registry.register(toolSourcePlugin(open(), { tiers: config.tiers, description: `MCP server of ${user.processName}` }), { as: id });
          return registry.toolSource(id, viewOf(config)).tools();
        },
        // The connection ends with it; the next use makes another.
        async close() {
          if (!registry.has(id)) return;
          const work = registry.unload(id).finally(() => unloading.delete(id));
          unloading.set(id, work);
          await work;
        },
      };
    },
  };
  return servers;
}

const viewOf = ({ approvalTtlMs }: ServerConfig): PluginView => (approvalTtlMs === undefined ? {} : { actions: { '*': { approvalTtlMs } } });
