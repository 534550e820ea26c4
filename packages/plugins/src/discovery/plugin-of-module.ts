import { InvalidInputError } from '@cortex-runtime/core';

import type { ServicePlugin } from '../protocol/service-plugin.ts';

/**
 * The plugin that a module exports as `plugin` or as its default: as an object, a class without arguments, or a function that makes one.
 *
 * @throws InvalidInputError when it exports none
 */
export async function pluginOfModule(module: Record<string, unknown>): Promise<ServicePlugin> {
  const exported = module['plugin'] ?? module['default'];
  const made: unknown = typeof exported === 'function' ? await make(exported) : exported;
  if (typeof made !== 'object' || made === null || typeof (made as Partial<ServicePlugin>).executeAction !== 'function') {
    throw new InvalidInputError('module', `exports no plugin: export one as "plugin" (it exports ${Object.keys(module).join(', ') || 'nothing'})`);
  }
  return made as ServicePlugin;
}

function make(exported: object): unknown {
  const isClass = typeof (exported as { prototype?: { executeAction?: unknown } }).prototype?.executeAction === 'function';
  return isClass ? new (exported as new () => unknown)() : (exported as () => unknown)();
}
