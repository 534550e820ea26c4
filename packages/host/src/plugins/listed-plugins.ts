import type { JsonObject } from '@cortex-runtime/core';
import type { PluginInfo, PluginRegistry, RegisteredAction } from '@cortex-runtime/plugins';

import type { PluginUse } from './plugin-uses.ts';

/** The plugins that agents of a host may use, loaded or not, in document form: what `GET /plugins` shows. */
export function listedPlugins(registry: PluginRegistry, uses: readonly PluginUse[]): Promise<JsonObject[]> {
  return Promise.all(uses.map(async (use): Promise<JsonObject> => {
    const info = registry.has(use.id) ? registry.get(use.id) : undefined;
    const problem = use.problem ?? info?.setupError;
    const health = info?.state === 'ready' ? await registry.health(use.id) : undefined;
    return {
      id: use.id,
      name: use.name,
      version: info?.version ?? '',
      description: info?.description ?? '',
      state: info?.state ?? 'pending',
      ...(problem === undefined ? {} : { problem }),
      ...(health === undefined ? {} : { health: { status: health.status, ...(health.error === undefined ? {} : { error: health.error }) } }),
      actions: actionsOf(info).map(({ name, tier, description, isReadOnly }) => ({ name, tier, description, is_read_only: isReadOnly })),
      used_by: [...use.views].map(([process, view]) => ({
        process,
        actions: actionsOf(info === undefined ? undefined : registry.get(use.id, view)).filter(({ tier }) => tier !== 'admin').map(({ name, tier }) => ({ name, tier })),
      })),
    };
  }));
}

const actionsOf = (info: PluginInfo | undefined): readonly RegisteredAction[] => info?.actions ?? [];
