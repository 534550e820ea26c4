import { createHash } from 'node:crypto';
import { resolve } from 'node:path';

import { describeError, type JsonObject } from '@cortex-runtime/core';
import type { PluginRegistry, PluginView, ToolSource } from '@cortex-runtime/plugins';
import type { PluginConfig } from '@cortex-runtime/plugins/config';

import { findPlugin, type FindPluginDeps } from './find-plugin.ts';
import type { PluginUser } from './plugin-user.ts';
import type { PluginUses } from './plugin-uses.ts';

/** The plugins that manifests name. Agents that want one with the same settings share it: it is set up once, and its limits are those of its service. */
export interface SharedPlugins {
  /** Notes that an agent may use a plugin. @returns what the plugin is called in the registry */
  note(name: string, config: PluginConfig, user: PluginUser): string;
  /** Loads and registers a plugin, unless that is done; callers at the same time share one attempt. @throws ToolSourceError, PluginInvalidError; the next call tries again */
  load(id: string, name: string, config: PluginConfig, user: PluginUser): Promise<void>;
  /** Its tools for one agent. Closing the source leaves the plugin to the others. */
  source(name: string, config: PluginConfig, user: PluginUser): ToolSource;
}

export function sharedPlugins(deps: FindPluginDeps & { registry: PluginRegistry; uses: PluginUses }): SharedPlugins {
  const { registry, uses } = deps;
  const loading = new Map<string, Promise<void>>();

  async function register(id: string, name: string, config: PluginConfig, user: PluginUser): Promise<void> {
    try {
      await registry.register(await findPlugin(deps, name, config, user.baseDirectory), { as: id, settings: config.settings as JsonObject });
      uses.noteProblem(id, undefined);
    } catch (error) {
      uses.noteProblem(id, describeError(error));
      throw error;
    }
  }

  const shared: SharedPlugins = {
    note(name, config, user) {
      const id = idOf(name, config, user.baseDirectory);
      uses.note(id, name, user.processName, viewOf(config));
      return id;
    },
    async load(id, name, config, user) {
      if (registry.has(id)) return;
      const work = loading.get(id) ?? register(id, name, config, user).finally(() => loading.delete(id));
      loading.set(id, work);
      await work;
    },
    source(name, config, user) {
      const id = shared.note(name, config, user);
      return {
        name,
        async tools() {
          await shared.load(id, name, config, user);
          return registry.toolSource(id, viewOf(config)).tools();
        },
        close: () => Promise.resolve(),
      };
    },
  };
  return shared;
}

const viewOf = ({ allow, actions }: PluginConfig): PluginView => ({ allow, actions });

/** Its name, when nothing but that is said of it; else with a digest of where it is looked for and of its settings, in which references stay references. */
function idOf(name: string, { package: packageName, path, settings }: PluginConfig, baseDirectory: string): string {
  if (packageName === undefined && path === undefined && Object.keys(settings).length === 0) return name;
  const place = path !== undefined ? [resolve(baseDirectory, path)] : packageName !== undefined ? [packageName, baseDirectory] : [];
  return `${name}@${createHash('sha256').update(JSON.stringify([place, settings])).digest('hex').slice(0, 8)}`;
}
