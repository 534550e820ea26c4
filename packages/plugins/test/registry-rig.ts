import { idGenerator, type Clock, type JsonObject } from '@cortex-runtime/core';
import { systemRandom } from '@cortex-runtime/core/node';
import { InMemoryJournal, type Journal } from '@cortex-runtime/journal';
import { onTestFinished } from 'vitest';

import { createPluginRegistry, type ActionCall, type PluginActionInfo, type PluginRegistry, type PluginRegistryDeps, type PluginRegistryOptions, type PluginResult, type ServicePlugin } from '../src/index.ts';
import { fixedClock, type FixedClock } from '@cortex-runtime/core/testing';
import { recordingLogger } from './servers.ts';

export interface ShopPlugin extends ServicePlugin {
  /** What happened, in order: the world that side effects are counted in. */
  readonly done: string[];
}

/** What a shop does when an action is called; answers `{ n }`, the number of the call. */
export type Behaviour = (params: JsonObject, call: ActionCall, shop: ShopPlugin) => Promise<unknown> | unknown;

const order = { type: 'object', properties: { item: { type: 'string' }, cents: { type: 'integer', minimum: 1 } }, required: ['item', 'cents'], additionalProperties: false } satisfies JsonObject;

/** A plugin with one action of each kind. */
export function shopPlugin(behaviour: Partial<Record<string, Behaviour>> = {}, more: Partial<ServicePlugin> & { actions?: readonly PluginActionInfo[] } = {}): ShopPlugin {
  const { actions = [], ...overrides } = more;
  const shop: ShopPlugin = {
    name: 'shop',
    version: '1.0.0',
    description: 'Sells things.',
    done: [],
    setup: () => void shop.done.push('setup'),
    teardown: () => void shop.done.push('teardown'),
    listActions: () => [
      { name: 'look', description: 'Looks.', isReadOnly: true, parameters: { type: 'object', properties: { item: { type: 'string' } } } },
      { name: 'order', description: 'Orders.', parameters: order },
      { name: 'refund', description: 'Pays back.', tier: 'confirm', parameters: order },
      { name: 'close_shop', description: 'Closes for ever.', tier: 'admin' },
      ...actions,
    ],
    async executeAction(action, params, call) {
      shop.done.push(`${action} ${JSON.stringify(params)}`);
      const own = behaviour[action];
      if (own !== undefined) return (await own(params, call, shop)) as PluginResult;
      return { success: true, data: { n: shop.done.length } };
    },
    health: () => Promise.resolve({ plugin: 'shop', status: 'healthy' }),
    ...overrides,
  };
  return shop;
}

export interface Rig {
  registry: PluginRegistry;
  clock: FixedClock;
  journal: Journal;
  lines: ReturnType<typeof recordingLogger>['lines'];
  /** Another registry over the same journal, as after a restart. */
  restart(options?: PluginRegistryOptions): PluginRegistry;
}

export function newJournal(clock: Clock): InMemoryJournal {
  return new InMemoryJournal({ clock, createId: idGenerator({ clock, random: systemRandom }) });
}

export function rig(options: PluginRegistryOptions = {}, deps: Partial<PluginRegistryDeps> = {}): Rig {
  const clock = fixedClock();
  const journal = deps.journal ?? newJournal(clock);
  const logger = recordingLogger();
  const make = (more: PluginRegistryOptions = {}) => createPluginRegistry({ clock, logger, createId: idGenerator({ clock, random: systemRandom }), ...deps, journal }, { ...options, ...more });
  return { registry: make(), clock, journal, lines: logger.lines, restart: make };
}

/** A function that blocks whoever calls it until it is opened. */
export function gate(): { wait(): Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  onTestFinished(() => open());
  return { wait: () => opened, open };
}

/** Lets promise chains run dry. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const codeOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'no error', (error: unknown) => (error as { code?: unknown }).code);
