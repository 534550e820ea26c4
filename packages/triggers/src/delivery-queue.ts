import { TriggerStoppedError } from './errors.ts';
import type { TriggerEvent } from './trigger-event.ts';

/** What became of an event that a source offered. */
export type DeliveryOutcome =
  | { outcome: 'accepted' | 'duplicate' | 'filtered' }
  | { outcome: 'rejected'; message: string; retryAfterMs: number };

interface Delivery {
  event: TriggerEvent;
  settle: ((result: DeliveryOutcome) => void)[];
}

/**
 * Between a source that must know what became of its event (HTTP, a broker) and the runtime that asks for the next one.
 *
 * An event is waiting → handed out → settled. Two offers with one event id are one event: the second waits for the first and is told `duplicate`.
 */
export class DeliveryQueue {
  readonly #triggerId: string;
  readonly #limit: number;
  readonly #byId = new Map<string, Delivery>();
  #waiting: Delivery[] = [];
  #askers: { resolve: (event: TriggerEvent) => void; reject: (error: Error) => void }[] = [];
  #isOpen = false;

  constructor(triggerId: string, options: { limit: number }) {
    this.#triggerId = triggerId;
    this.#limit = options.limit;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Everything that is not settled is rejected: the source keeps it and comes again. */
  close(): void {
    this.#isOpen = false;
    for (const asker of this.#askers.splice(0)) asker.reject(new TriggerStoppedError(this.#triggerId));
    this.#waiting = [];
    for (const { event } of [...this.#byId.values()]) this.#settle(event.eventId, stopped);
  }

  offer(event: TriggerEvent): Promise<DeliveryOutcome> {
    if (!this.#isOpen) return Promise.resolve(stopped);
    const known = this.#byId.get(event.eventId);
    if (known === undefined && this.#byId.size >= this.#limit) {
      return Promise.resolve({ outcome: 'rejected', message: `${this.#limit} events are waiting to be taken`, retryAfterMs: 30_000 });
    }
    return new Promise((resolve) => {
      if (known !== undefined) {
        known.settle.push((result) => resolve(result.outcome === 'accepted' ? { outcome: 'duplicate' } : result));
        return;
      }
      const delivery = { event, settle: [resolve] };
      this.#byId.set(event.eventId, delivery);
      const asker = this.#askers.shift();
      if (asker !== undefined) asker.resolve(event);
      else this.#waiting.push(delivery);
    });
  }

  /** The source has given up; an event that was not handed out yet is forgotten. */
  withdraw(eventId: string): void {
    const at = this.#waiting.findIndex((delivery) => delivery.event.eventId === eventId);
    if (at === -1) return;
    this.#waiting.splice(at, 1);
    this.#settle(eventId, { outcome: 'rejected', message: 'nothing took the event in time', retryAfterMs: 30_000 });
  }

  next(): Promise<TriggerEvent> {
    if (!this.#isOpen) return Promise.reject(new TriggerStoppedError(this.#triggerId));
    const delivery = this.#waiting.shift();
    if (delivery !== undefined) return Promise.resolve(delivery.event);
    return new Promise((resolve, reject) => this.#askers.push({ resolve, reject }));
  }

  acknowledge(event: TriggerEvent, outcome: 'accepted' | 'duplicate' | 'filtered'): void {
    this.#settle(event.eventId, { outcome });
  }

  reject(event: TriggerEvent, reason: { message: string; retryAfterMs: number }): void {
    this.#settle(event.eventId, { outcome: 'rejected', ...reason });
  }

  #settle(eventId: string, result: DeliveryOutcome): void {
    const delivery = this.#byId.get(eventId);
    if (delivery === undefined) return;
    this.#byId.delete(eventId);
    for (const settle of delivery.settle) settle(result);
  }
}

const stopped: DeliveryOutcome = { outcome: 'rejected', message: 'the trigger is not running', retryAfterMs: 30_000 };
