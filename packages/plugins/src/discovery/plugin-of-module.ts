import { InvalidInputError } from '@cortex-runtime/core';

import { pluginMethods, type ServicePlugin } from '../protocol/service-plugin.ts';

/**
 * The plugin that a module exports as `plugin` or as its default: as an object, a class without arguments, or a function that makes one.
 *
 * @throws InvalidInputError when it exports none; whatever making it throws
 */
export async function pluginOfModule(module: Record<string, unknown>): Promise<ServicePlugin> {
  const name = 'plugin' in module ? 'plugin' : 'default';
  const exported = module[name];
  if (exported === undefined || exported === null) {
    throw new InvalidInputError('module', `exports no plugin: export one as "plugin" (it exports ${Object.keys(module).join(', ') || 'nothing'})`);
  }
  const made: unknown = typeof exported === 'function' ? await make(exported) : exported;
  const missing = pluginMethods.filter((method) => typeof (made as Partial<ServicePlugin> | null | undefined)?.[method] !== 'function');
  if (missing.length > 0) throw new InvalidInputError('module', `exports no plugin: its ${JSON.stringify(name)} has no method ${missing.join(', ')}`);
  return made as ServicePlugin;
}

function make(exported: object): unknown {
  return isClass(exported) ? new (exported as new () => unknown)() : (exported as () => unknown)();
}

/** Only the prototype of a class can not be replaced; older code has its methods on a function's. */
function isClass(exported: object): boolean {
  const prototype = Object.getOwnPropertyDescriptor(exported, 'prototype');
  return prototype?.writable === false || typeof (prototype?.value as { executeAction?: unknown } | undefined)?.executeAction === 'function';
}
