import type { Clock, Disk, IdGenerator, JsonObject, JsonValue, Logger, Random } from '@cortex-runtime/core';

import type { TriggerConfig } from './config/index.ts';
import type { CronScheduler } from './cron/cron-scheduler.ts';
import type { TriggerEvent } from './trigger-event.ts';
import type { WebhookRoutes } from './webhook/webhook-routes.ts';

/**
 * The protocol of every trigger. Creating one starts nothing.
 *
 * States: created → `start` → active → `stop` → stopped; `start` again is allowed. `stop` makes a pending `waitForNext` reject with {@link TriggerStoppedError}.
 *
 * The runtime calls `waitForNext` in a loop, puts the event in the agent's journal, and calls `acknowledge` when it is durable; only then may the
 * trigger tell the outside that the event was taken (HTTP 202, a moved cursor, XACK). When the event is refused, `reject` is called instead.
 */
export interface BaseTrigger {
  readonly triggerId: string;
  readonly triggerType: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The next event. Rejects with TriggerStoppedError after `stop`, with TriggerError when the source is broken (the runtime waits with backoff and calls again). */
  waitForNext(): Promise<TriggerEvent>;
  /** The event is durable in the mailbox. `duplicate`: it had been taken before, nothing will run. `filtered`: the filter said no. */
  acknowledge?(event: TriggerEvent, outcome: 'accepted' | 'duplicate' | 'filtered'): Promise<void>;
  /** The event could not be taken (the process is stopped or failed, the mailbox is full, the journal is down). Nothing of it was kept. */
  reject?(event: TriggerEvent, reason: { message: string; retryAfterMs: number }): Promise<void>;
  /** An accepted event was closed, by a result or a dead letter: there may be room for another (see {@link TriggerMemory.openEvents}). */
  eventClosed?(): void;
}

/** What a trigger remembers over restarts: a fold of the events of this trigger in the agent's journal. */
export interface TriggerMemory {
  /** The `payload` of the last accepted event of this trigger, for a cursor (cron: `scheduled_time`); undefined before the first. */
  lastEvent(): { eventId: string; payload: JsonValue; timestamp: number } | undefined;
  /** Milliseconds since the epoch when this trigger was first started for this agent; undefined on the very first start. Missed occurrences are counted from here when there is no last event. */
  firstStartedAt(): number | undefined;
  /** How many accepted events of this trigger are not closed yet; for `overlap`. */
  openEvents(): number;
}

/** What a factory is given besides the configuration. */
export interface TriggerDependencies {
  /** Name of the process, for routes and messages. */
  processName: string;
  /** What other agents and people are told of the process; for task triggers. */
  description?: string;
  clock: Clock;
  random: Random;
  disk: Disk;
  logger: Logger;
  createId: IdGenerator;
  memory: TriggerMemory;
  /** The one scheduler of the host; for cron. */
  scheduler: CronScheduler;
  /** The webhook routes of the host's HTTP server. */
  webhookRoutes: WebhookRoutes;
  /** Directory that relative paths of the configuration are resolved against: the manifest's. */
  baseDirectory: string;
  /** For event triggers; absent until a host provides one. */
  eventBus?: EventSubscriber;
  /** For message triggers; absent until a host provides one. */
  broker?: MessageSubscriber;
  /** Under what name a message trigger subscribes: kept over changes of its configuration. Default: the process's name and the trigger's id. */
  subscriber?: string;
  /** For task triggers; absent until a host provides one. */
  tasks?: TaskSubscriber;
  /** Events that the agent works on at once; 1 when left out. For task triggers: what it can not begin stays where others can take it. */
  concurrency?: number;
}

/** What an event trigger needs of an event bus. */
export interface EventSubscriber {
  /**
   * @param eventType - may hold wildcards, as may `source`
   * @param handler - resolves when the event is durable
   * @param options.since - milliseconds since the epoch: what was published since then and is still kept comes first, so that what happened while nobody listened is not missed
   */
  subscribe(
    eventType: string,
    handler: (event: { eventType: string; eventId: string; source: string; data: JsonValue; cause?: readonly string[] }) => Promise<void>,
    options?: { source?: string; since?: number },
  ): Promise<() => Promise<void>>;
}

/** What a message trigger needs of a broker. `handler` resolves when the message is durable; only then may the broker acknowledge it. */
export interface MessageSubscriber {
  /** @param subscriber - whoever has the same one shares the messages; each other one gets them all */
  subscribe(topic: string, handler: (message: ReceivedMessage) => Promise<void>, subscriber?: string): Promise<() => Promise<void>>;
  /** Forgets a subscriber that will not come back, with what waits for it. */
  unsubscribe?(topic: string, subscriber: string): Promise<void>;
}

/** A message of a topic. */
export interface ReceivedMessage {
  topic: string;
  messageId: string;
  sender: string;
  content: JsonValue;
  /** The conversation that it belongs to, as `readEventSession` of the session package reads it. */
  session?: JsonObject;
  cause?: readonly string[];
}

/** What a task trigger needs of a dispatcher. */
export interface TaskSubscriber {
  /**
   * @param handler - resolves when the task is durable in the agent's journal, or was (`duplicate`); only then is it taken from where others could take it. `filtered`: the
   *   agent does not want it, and whoever gave it is told. When it rejects, the task goes back
   * @param agent - `description`: what others are told of it; `places`: how many tasks it can begin now
   */
  subscribe(agent: { name: string; domains: readonly string[]; primaryFor: readonly string[]; description?: string; places: number }, handler: (task: ReceivedTask) => Promise<'accepted' | 'duplicate' | 'filtered'>): Promise<TaskFeed>;
}

/** A task for an agent. */
export interface ReceivedTask {
  taskId: string;
  /** What the agent is shown. */
  payload: JsonObject;
  /** What is needed to answer it; kept with the event, and not shown. */
  replyTo: JsonObject;
  /** Ids of what led to it, the nearest last. */
  cause?: readonly string[];
}

export interface TaskFeed {
  /** How many tasks the agent can begin now. */
  limit(places: number): void;
  stop(): Promise<void>;
}

/** Makes a trigger of one type. */
export type TriggerFactory = (config: TriggerConfig, deps: TriggerDependencies) => BaseTrigger;
