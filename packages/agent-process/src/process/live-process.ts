import { describeError, resolveDocument, resolveReferences, type Logger } from '@cortex-runtime/core';
import type { ProcessConfig } from '@cortex-runtime/manifest';
import type { ModelProvider } from '@cortex-runtime/models';
import type { ToolSource } from '@cortex-runtime/plugins';
import { createTrigger, CronTrigger, parseFilter, triggerIdOf, type TriggerConfig, type TriggerEvent, type TriggerMemory } from '@cortex-runtime/triggers';

import { FeatureNotAvailableError } from '../errors.ts';
import { subscriberOf } from '../triggers/topic-subscriber.ts';
import { TriggerListener } from '../triggers/trigger-listener.ts';
import type { RuntimeDependencies } from '../runtime/runtime-dependencies.ts';

export interface LiveProcessPorts {
  processName: string;
  baseDirectory: string;
  logger: Logger;
  memoryOf(triggerId: string): TriggerMemory;
  /** Called before a trigger starts, so that its first start is in the journal. */
  onTriggerStart(triggerId: string, triggerType: string): void;
  accept(event: TriggerEvent): Promise<'accepted' | 'duplicate'>;
  onFiltered(): void;
}

/** What is only there while a process runs: its triggers, its model and its tool sources. */
export class LiveProcess {
  readonly #deps: RuntimeDependencies;
  readonly #ports: LiveProcessPorts;
  #listeners: TriggerListener[] = [];
  #model: Promise<ModelProvider> | undefined;
  #sources: ToolSource[] | undefined;
  isLanguageModel = true;

  constructor(deps: RuntimeDependencies, ports: LiveProcessPorts) {
    this.#deps = deps;
    this.#ports = ports;
  }

  get triggerCount(): number {
    return this.#listeners.length;
  }

  /** When the next of its triggers is due by the calendar; undefined when one of them is woken by something else, or counts occurrences that it skipped. */
  calendar(): { dueAt: number | undefined } | undefined {
    let dueAt: number | undefined;
    for (const { trigger } of this.#listeners) {
      if (!(trigger instanceof CronTrigger) || !trigger.isResumable) return undefined;
      const next = trigger.nextDueAt;
      if (next !== undefined && (dueAt === undefined || next < dueAt)) dueAt = next;
    }
    return { dueAt };
  }

  /** Builds the model and starts every trigger. When one fails, those that had started are stopped again and the error is thrown on. */
  async start(config: ProcessConfig): Promise<void> {
    const [plugin] = Object.keys(config.plugins);
    if (plugin !== undefined && this.#deps.createPluginSource === undefined) throw new FeatureNotAvailableError(`plugins.${plugin}`, 'its runtime was made without plugins; pass createPluginSource');
    await this.model(config);
    try {
      for (const [index, trigger] of config.triggers.entries()) await this.#startTrigger(trigger, index, config);
    } catch (error) {
      await this.stopTriggers();
      throw error;
    }
  }

  /** The model of the process; made once, and again after `release`. */
  model(config: ProcessConfig): Promise<ModelProvider> {
    this.#model ??= this.#deps.createModel({ ...config, model: resolveReferences(config.model, this.#deps.environment, 'model') }, { processName: this.#ports.processName, baseDirectory: this.#ports.baseDirectory }).then(
      (model) => {
        this.isLanguageModel = model.isLanguageModel;
        return model;
      },
      (error: unknown) => {
        this.#model = undefined;
        throw error;
      },
    );
    return this.#model;
  }

  /** The tool sources of the process; connected by their first use. */
  sources(config: ProcessConfig): readonly ToolSource[] {
    const place = { processName: this.#ports.processName, baseDirectory: this.#ports.baseDirectory };
    this.#sources ??= [
      ...Object.entries(config.servers).map(([name, server]) => this.#deps.createToolSource(name, server, { ...place, toolTimeoutMs: config.toolTimeoutMs })),
      ...Object.entries(config.plugins).flatMap(([name, plugin]) => this.#deps.createPluginSource?.(name, plugin, place) ?? []),
    ];
    return this.#sources;
  }

  /** An event of this trigger was closed. */
  eventClosed(triggerId: string): void {
    for (const { trigger } of this.#listeners) if (trigger.triggerId === triggerId) trigger.eventClosed?.();
  }

  async stopTriggers(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(
      listeners.map((listener) =>
        listener.stop().catch((error: unknown) => {
          this.#ports.logger.warn({ triggerId: listener.trigger.triggerId, error: describeError(error) }, 'a trigger did not stop cleanly');
        }),
      ),
    );
  }

  /** Closes model and tool sources; the next use makes them again. */
  async release(): Promise<void> {
    const sources = this.#sources ?? [];
    this.#sources = undefined;
    this.#model = undefined;
    await Promise.all(
      sources.map((source) =>
        source.close().catch((error: unknown) => {
          this.#ports.logger.warn({ source: source.name, error: describeError(error) }, 'a tool source did not close cleanly');
        }),
      ),
    );
  }

  async #startTrigger(config: TriggerConfig, index: number, { concurrency, description, triggers }: ProcessConfig): Promise<void> {
    const { clock, random, disk, createId, scheduler, webhookRoutes, eventBus, broker, tasks, environment } = this.#deps;
    // The id is of the configuration as it was written: the same whatever the secrets are, and nothing of them shows in it.
    const triggerId = triggerIdOf(config);
    const trigger = createTrigger({ ...resolveDocument(config, environment, ['triggers', index]), id: triggerId }, {
      processName: this.#ports.processName,
      clock,
      random,
      disk,
      createId,
      scheduler,
      webhookRoutes,
      logger: this.#ports.logger,
      memory: this.#ports.memoryOf(triggerId),
      baseDirectory: this.#ports.baseDirectory,
      ...(eventBus === undefined ? {} : { eventBus }),
      ...(broker === undefined ? {} : { broker }),
      ...(tasks === undefined ? {} : { tasks }),
      concurrency,
      ...(description === undefined ? {} : { description }),
      ...(config.topic === undefined ? {} : { subscriber: subscriberOf(this.#ports.processName, triggers, index) }),
    });
    const filter = config.filterExpression === undefined ? undefined : parseFilter(config.filterExpression);
    this.#ports.onTriggerStart(triggerId, config.type);
    const listener = new TriggerListener(trigger, filter, {
      clock,
      logger: this.#ports.logger,
      accept: (event) => this.#ports.accept(event),
      onFiltered: () => this.#ports.onFiltered(),
    });
    await listener.start();
    this.#listeners.push(listener);
  }
}
