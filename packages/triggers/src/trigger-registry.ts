import { InvalidInputError, nearestName } from '@cortex-runtime/core';

import type { BaseTrigger, TriggerDependencies, TriggerFactory } from './base-trigger.ts';
import { EventTrigger } from './bus/event-trigger.ts';
import { MessageTrigger } from './bus/message-trigger.ts';
import { TaskTrigger } from './bus/task-trigger.ts';
import type { TriggerConfig } from './config/index.ts';
import { CronTrigger } from './cron/cron-trigger.ts';
import { TriggerError } from './errors.ts';
import { FileWatchTrigger } from './file-watch/file-watch-trigger.ts';
import { WebhookTrigger } from './webhook/webhook-trigger.ts';

/** The trigger types that a host knows. */
export interface TriggerRegistry {
  /** @throws InvalidInputError when the name is taken and `overwrite` is not true */
  register(name: string, factory: TriggerFactory, options?: { overwrite?: boolean }): void;
  /** @returns whether it was there */
  unregister(name: string): boolean;
  has(name: string): boolean;
  /** Sorted. */
  names(): string[];
  /** @throws TriggerError when the type is unknown, or the configuration or a collaborator is missing something */
  create(config: TriggerConfig, deps: TriggerDependencies): BaseTrigger;
}

/** A registry that knows the types of this package. */
export function createTriggerRegistry(): TriggerRegistry {
  const factories = new Map<string, TriggerFactory>([
    ['cron', (config, deps) => new CronTrigger(deps, config)],
    ['webhook', (config, deps) => new WebhookTrigger(deps, config)],
    ['file_watch', (config, deps) => new FileWatchTrigger(deps, config)],
    ['event', (config, deps) => new EventTrigger(deps, config)],
    ['message', (config, deps) => new MessageTrigger(deps, config)],
    ['task', (config, deps) => new TaskTrigger(deps, config)],
  ]);
  const names = () => [...factories.keys()].sort();
  return {
    register(name, factory, { overwrite = false } = {}) {
      if (!/^[a-z][a-z0-9_.-]{0,63}$/.test(name)) throw new InvalidInputError('type', `a trigger type is lower-case letters, digits, "_", "-" and ".", got ${JSON.stringify(name.slice(0, 70))}`);
      if (factories.has(name) && !overwrite) throw new InvalidInputError('type', `the trigger type ${name} is registered already; pass overwrite: true to replace it`);
      factories.set(name, factory);
    },
    unregister: (name) => factories.delete(name),
    has: (name) => factories.has(name),
    names,
    create(config, deps) {
      const factory = factories.get(config.type);
      if (factory === undefined) throw new TriggerError(unknownTriggerType(config.type, names()));
      return factory(config, deps);
    },
  };
}

/** What is wrong with a type that nobody registered, and what was probably meant. */
export function unknownTriggerType(type: string, known: readonly string[]): string {
  const near = nearestName(type, known);
  return `the trigger type ${JSON.stringify(type)} is not known; ${near === undefined ? '' : `did you mean ${JSON.stringify(near)}? `}registered types are ${known.join(', ')}`;
}

/** The registry that is used when none is given. */
export const defaultTriggerRegistry: TriggerRegistry = /* @__PURE__ */ createTriggerRegistry();

/** Makes a trigger; creating it starts nothing. @throws TriggerError as {@link TriggerRegistry.create} */
export function createTrigger(config: TriggerConfig, deps: TriggerDependencies, registry: TriggerRegistry = defaultTriggerRegistry): BaseTrigger {
  return registry.create(config, deps);
}

/** Adds a type to the registry that is used when none is given. @throws InvalidInputError when the name is taken */
export function registerTriggerType(name: string, factory: TriggerFactory, options: { overwrite?: boolean } = {}): void {
  defaultTriggerRegistry.register(name, factory, options);
}

/** @returns whether it was registered */
export function unregisterTriggerType(name: string): boolean {
  return defaultTriggerRegistry.unregister(name);
}

/** The names in the registry that is used when none is given, sorted. */
export function registeredTriggerTypes(): string[] {
  return defaultTriggerRegistry.names();
}
