import { assertJsonValue, idGenerator, silentLogger, type Clock, type HealthStatus, type IdGenerator, type Logger, type Random } from '@cortex-runtime/core';

import type { BusEvent, EventBus, EventNotice, EventOf, EventSubscriptionOptions, EventTypes, PublishEventOptions } from '../event-bus.ts';
import { assertEventType } from '../event-pattern.ts';
import { FanOut } from '../fan-out.ts';
import { assertOpen } from '../held-subscription.ts';

export interface EventBusDependencies {
  clock: Clock;
  random: Random;
  logger?: Logger;
  onNotice?: (notice: EventNotice) => void;
}

/** Events that a later listener can be told. */
export const eventsKept = 10_000;

/** {@link EventBus} within one process. */
export class MemoryEventBus<Events extends EventTypes = EventTypes> implements EventBus<Events> {
  readonly #clock: Clock;
  readonly #createId: IdGenerator;
  readonly #fanOut: FanOut;
  #kept: BusEvent[] = [];
  #isClosed = false;

  constructor(deps: EventBusDependencies) {
    this.#clock = deps.clock;
    this.#createId = idGenerator(deps);
    this.#fanOut = new FanOut(deps.logger ?? silentLogger, deps.onNotice);
  }

  async publish<Type extends keyof Events & string>(eventType: Type, data: Events[Type], options: PublishEventOptions): Promise<string> {
    assertOpen(this.#isClosed);
    const event = makeEvent(eventType, data, options, { timestamp: this.#clock.now(), eventId: this.#createId() });
    // Listeners get data of their own, as they would over a network.
    const told = { ...event, data: structuredClone(event.data) };
    this.#kept.push(told);
    if (this.#kept.length >= 2 * eventsKept) this.#kept = this.#kept.slice(-eventsKept);
    this.#fanOut.deliver(told);
    return event.eventId;
  }

  async subscribe<Pattern extends string>(pattern: Pattern, handler: (event: EventOf<Events, Pattern>) => Promise<void> | void, options: EventSubscriptionOptions = {}): Promise<() => Promise<void>> {
    assertOpen(this.#isClosed);
    // What a pattern matches is known to the type, not to the compiler of this line.
    const { end, replay } = this.#fanOut.add(pattern, handler as unknown as (event: BusEvent) => Promise<void> | void, options);
    const { since } = options;
    if (since !== undefined) replay(this.#kept.slice(-eventsKept).filter(({ timestamp }) => timestamp >= since));
    return end;
  }

  async health(): Promise<HealthStatus> {
    const details = { server: 'memory', subscriptions: this.#fanOut.size };
    return this.#isClosed ? { ok: false, error: 'the event bus is closed', details } : { ok: true, latencyMs: 0, details };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#fanOut.close();
  }
}

/** @throws InvalidInputError when the type is no event type, or the data no JSON */
export function makeEvent(eventType: string, data: unknown, { source, cause, eventId }: PublishEventOptions, made: { timestamp: number; eventId: string }): BusEvent {
  assertEventType(eventType);
  assertJsonValue(data, 'data');
  return { eventId: eventId ?? made.eventId, eventType, source, data, timestamp: made.timestamp, ...(cause === undefined ? {} : { cause }) };
}
