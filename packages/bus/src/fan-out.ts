import { describeError, InvalidInputError, type Logger } from '@cortex-runtime/core';

import type { BusEvent, EventNotice, EventSubscriptionOptions } from './event-bus.ts';
import { eventPattern, sourceFilter } from './event-pattern.ts';
import { notifier } from './notifier.ts';

type Handler = (event: BusEvent) => Promise<void> | void;

/** How many event ids are remembered against doubles. */
const rememberedIds = 4_096;

/** Gives events to the handlers of this process, to each one at a time and in order; a slow handler holds up nobody else. */
export class FanOut {
  readonly #listeners = new Set<Listener>();
  readonly #notify: (notice: EventNotice) => void;
  readonly #seen = new Set<string>();

  constructor(logger: Logger, onNotice: ((notice: EventNotice) => void) | undefined) {
    this.#notify = notifier(logger, onNotice);
  }

  get size(): number {
    return this.#listeners.size;
  }

  notify(notice: EventNotice): void {
    this.#notify(notice);
  }

  /** With `since`, nothing reaches the handler before `replay` has told what was published before. */
  add(pattern: string, handler: Handler, { source, maxQueued = 10_000, since }: EventSubscriptionOptions): { end: () => Promise<void>; replay: (earlier: readonly BusEvent[]) => void } {
    if (since !== undefined && !Number.isFinite(since)) throw new InvalidInputError('since', `must be milliseconds since the epoch, got ${String(since)}`);
    if (!Number.isInteger(maxQueued) || maxQueued < 1) throw new InvalidInputError('maxQueued', `must be a whole number of at least 1, got ${String(maxQueued)}`);
    const listener = new Listener(pattern, sourceFilter(source), handler, maxQueued, this.#notify);
    if (since !== undefined) listener.hold();
    this.#listeners.add(listener);
    return {
      end: async () => {
        this.#listeners.delete(listener);
        await listener.end();
      },
      replay: (earlier) => listener.release(earlier),
    };
  }

  deliver(event: BusEvent): void {
    if (this.#seen.has(event.eventId)) return;
    this.#seen.add(event.eventId);
    if (this.#seen.size > rememberedIds) for (const oldest of [...this.#seen].slice(0, rememberedIds / 4)) this.#seen.delete(oldest);
    for (const listener of this.#listeners) listener.offer(event);
  }

  async close(): Promise<void> {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    await Promise.all(listeners.map((listener) => listener.end()));
  }
}

class Listener {
  readonly #pattern: string;
  readonly #matches: (eventType: string) => boolean;
  readonly #isFrom: (source: string) => boolean;
  readonly #handler: Handler;
  readonly #maxQueued: number;
  readonly #notify: (notice: EventNotice) => void;
  #queue: BusEvent[] = [];
  /** What comes while it waits for what came before. */
  #held: BusEvent[] | undefined;
  #running: Promise<void> | undefined;

  constructor(pattern: string, isFrom: (source: string) => boolean, handler: Handler, maxQueued: number, notify: (notice: EventNotice) => void) {
    this.#pattern = pattern;
    this.#matches = eventPattern(pattern);
    this.#isFrom = isFrom;
    this.#handler = handler;
    this.#maxQueued = maxQueued;
    this.#notify = notify;
  }

  hold(): void {
    this.#held = [];
  }

  release(earlier: readonly BusEvent[]): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of new Map([...earlier, ...held].map((each) => [each.eventId, each])).values()) this.offer(event);
  }

  offer(event: BusEvent): void {
    if (this.#held !== undefined) {
      this.#held.push(event);
      return;
    }
    if (!this.#matches(event.eventType) || !this.#isFrom(event.source)) return;
    if (this.#queue.length >= this.#maxQueued) {
      this.#notify({ type: 'events.dropped', pattern: this.#pattern, eventId: event.eventId, eventType: event.eventType });
      return;
    }
    this.#queue.push(event);
    this.#running ??= this.#run();
  }

  async end(): Promise<void> {
    this.#queue = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // a publisher is never called back within its own call
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      try {
        await this.#handler(event);
      } catch (error) {
        this.#notify({ type: 'events.handler_failed', pattern: this.#pattern, eventId: event.eventId, error: describeError(error) });
      }
    }
    this.#running = undefined;
  }
}
