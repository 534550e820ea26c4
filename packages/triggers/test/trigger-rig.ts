import { idGenerator, parseDocument, silentLogger, type Clock, type Disk } from '@cortex-runtime/core';
import { nodeDisk, systemRandom } from '@cortex-runtime/core/node';

import { TriggerConfig, cronScheduler, createWebhookRoutes, type TriggerDependencies, type TriggerEvent, type TriggerMemory } from '../src/index.ts';

/** What a runtime would give a trigger; its memory is a fold of the events it was told were accepted. */
export interface TriggerRig {
  deps: TriggerDependencies;
  memory: RecordedMemory;
}

export class RecordedMemory implements TriggerMemory {
  readonly accepted: TriggerEvent[] = [];
  firstStart: number | undefined;
  open = 0;

  lastEvent() {
    const event = this.accepted.at(-1);
    return event === undefined ? undefined : { eventId: event.eventId, payload: event.payload, timestamp: event.timestamp };
  }
  firstStartedAt() {
    return this.firstStart;
  }
  openEvents() {
    return this.open;
  }
}

export function triggerRig(clock: Clock, options: { baseDirectory?: string; memory?: RecordedMemory; disk?: Disk } = {}): TriggerRig {
  const memory = options.memory ?? new RecordedMemory();
  return {
    memory,
    deps: {
      processName: 'watcher',
      clock,
      random: systemRandom,
      disk: options.disk ?? nodeDisk,
      logger: silentLogger,
      createId: idGenerator({ clock, random: systemRandom }),
      memory,
      scheduler: cronScheduler(clock),
      webhookRoutes: createWebhookRoutes(),
      baseDirectory: options.baseDirectory ?? '/',
    },
  };
}

/** A configuration as a manifest would write it. */
export function triggerConfig(document: Record<string, unknown>): TriggerConfig {
  return parseDocument(TriggerConfig, document);
}
