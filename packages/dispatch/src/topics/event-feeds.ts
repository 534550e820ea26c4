import type { BusEvent, EventBus } from '@cortex-runtime/bus';
import { describeError, jitteredBackoffMs, silentLogger, sleep, type Clock, type JsonValue, type Logger, type Random } from '@cortex-runtime/core';

import { PatientStart } from './patient-start.ts';

/** An event, as a listener gets it. */
export interface FedEvent {
  eventType: string;
  eventId: string;
  source: string;
  data: JsonValue;
  cause?: readonly string[];
}

const backoff = { baseMs: 200, maxMs: 10_000 };

/** Events of an event bus for listeners that may not be able to take one yet: it is offered until it is taken, in order, and what comes meanwhile waits. */
export class EventFeeds {
  readonly #bus: EventBus;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;

  constructor(deps: { bus: EventBus; clock: Clock; random: Random; logger?: Logger }) {
    this.#bus = deps.bus;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#logger = deps.logger ?? silentLogger;
  }

  /**
   * @param handler - the event is taken when it resolves; when it rejects, it is offered again
   * @param options - see `EventSubscriptionOptions` of the bus
   * @returns ends it; what was not taken by then is not
   */
  async subscribe(eventType: string, handler: (event: FedEvent) => Promise<void>, options: { source?: string; since?: number } = {}): Promise<() => Promise<void>> {
    const patient = new PatientStart<() => Promise<void>>({ clock: this.#clock, random: this.#random, logger: this.#logger }, `listening to ${eventType}`);
    const feed = async ({ eventId, eventType: type, source, data, cause }: BusEvent): Promise<void> => {
      for (let attempt = 1; !patient.signal.aborted; attempt += 1) {
        try {
          await handler({ eventId, eventType: type, source, data, ...(cause === undefined ? {} : { cause }) });
          return;
        } catch (error) {
          if (attempt === 1) this.#logger.warn({ eventType: type, eventId, error: describeError(error) }, 'a listener could not take an event; it is offered again');
          await sleep(this.#clock, jitteredBackoffMs(attempt, backoff, this.#random), patient.signal).catch(() => {});
        }
      }
    };
    // What comes while the bus can not be reached is asked for when it can.
    const since = options.since ?? this.#clock.now();
    let isLate = false;
    const subscribe = () => {
      const given = isLate ? { ...options, since } : options;
      isLate = true;
      return this.#bus.subscribe(eventType, feed, given);
    };
    await patient.begin(subscribe);
    return () => patient.end((end) => end());
  }
}
