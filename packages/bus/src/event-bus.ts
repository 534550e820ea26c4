import type { HealthStatus, JsonValue } from '@cortex-runtime/core';

/** Something that happened. */
export interface BusEvent<Type extends string = string, Data extends JsonValue = JsonValue> {
  readonly eventId: string;
  /** Words separated by dots: `task.completed`. */
  readonly eventType: Type;
  /** Who says so. */
  readonly source: string;
  readonly data: Data;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** Ids of the events that led to it, the nearest last. */
  readonly cause?: readonly string[];
}

/** Data by event type, for buses whose events are known: `EventBus<{ 'task.completed': { taskId: string } }>`. */
export type EventTypes = Record<string, JsonValue>;

/** The events of a map that a literal type or a pattern can name: the type's own, or any. */
export type EventOf<Events extends EventTypes, Pattern extends string> = Pattern extends keyof Events & string
  ? BusEvent<Pattern, Events[Pattern]>
  : { [Type in keyof Events & string]: BusEvent<Type, Events[Type]> }[keyof Events & string];

export interface PublishEventOptions {
  source: string;
  cause?: readonly string[];
  /** Published twice, an id is delivered once to a subscriber that saw it lately. Default: a new one. */
  eventId?: string;
}

export interface EventSubscriptionOptions {
  /** Only events of these sources; the wildcards are those of event types. */
  source?: string | readonly string[];
  /** Events that may wait for the handler, default 10,000. Beyond it the newest are dropped, with a notice. */
  maxQueued?: number;
  /** Milliseconds since the epoch, by the server's clock: what was published since then comes first, as far as it is kept (the newest 10,000 events). */
  since?: number;
}

/** What an event bus reports besides answers to calls. */
export type EventNotice =
  /** A handler is too slow: an event did not reach it. */
  | { type: 'events.dropped'; pattern: string; eventId: string; eventType: string }
  | { type: 'events.handler_failed'; pattern: string; eventId: string; error: string }
  /** Events that were published while there was no connection are no longer kept. */
  | { type: 'events.gap'; after: string; first: string };

/**
 * Tells everyone who listens now. There is no acknowledgement: an event reaches each subscriber at most once, in the order of publishing, and who is not there misses it.
 * Work that must be done belongs on a MessageBus.
 *
 * A pattern is an event type in which `*` stands for one word and a last `**` for one or more; `*` and `**` alone match every event.
 */
export interface EventBus<Events extends EventTypes = EventTypes> {
  publish<Type extends keyof Events & string>(eventType: Type, data: Events[Type], options: PublishEventOptions): Promise<string>;
  /**
   * Calls `handler` with one event at a time. Whatever is published after this has resolved is seen. A handler that fails is reported, and gets the next event.
   *
   * @returns ends the subscription and waits for the handler that is under way
   */
  subscribe<Pattern extends string>(pattern: Pattern, handler: (event: EventOf<Events, Pattern>) => Promise<void> | void, options?: EventSubscriptionOptions): Promise<() => Promise<void>>;
  /** Never rejects. */
  health(): Promise<HealthStatus>;
  close(): Promise<void>;
}
