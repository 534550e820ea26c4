import type { TriggerDependencies } from '../base-trigger.ts';
import { DeliveryQueue } from '../delivery-queue.ts';
import { TriggerError } from '../errors.ts';
import type { TriggerEvent } from '../trigger-event.ts';

/** Deliveries that may wait for the mailbox at once; the bus keeps the rest. */
const maxWaiting = 1_000;

/** A trigger that is fed by a subscription whose handler must know when its message is durable. */
export abstract class SubscriptionTrigger {
  readonly triggerId: string;
  protected readonly deps: TriggerDependencies;
  readonly #queue: DeliveryQueue;
  #unsubscribe: (() => Promise<void>) | undefined;

  constructor(deps: TriggerDependencies, triggerId: string) {
    this.deps = deps;
    this.triggerId = triggerId;
    this.#queue = new DeliveryQueue(triggerId, { limit: maxWaiting });
  }

  async start(): Promise<void> {
    if (this.#queue.isOpen) return;
    this.#queue.open();
    try {
      this.#unsubscribe = await this.subscribe();
    } catch (cause) {
      this.#queue.close();
      throw new TriggerError(`trigger ${this.triggerId} could not subscribe`, { cause, triggerId: this.triggerId, retryable: true });
    }
  }

  async stop(): Promise<void> {
    this.#queue.close();
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = undefined;
    await unsubscribe?.();
  }

  waitForNext(): Promise<TriggerEvent> {
    return this.#queue.next();
  }

  acknowledge(event: TriggerEvent, outcome: 'accepted' | 'duplicate' | 'filtered'): Promise<void> {
    this.#queue.acknowledge(event, outcome);
    return Promise.resolve();
  }

  reject(event: TriggerEvent, reason: { message: string; retryAfterMs: number }): Promise<void> {
    this.#queue.reject(event, reason);
    return Promise.resolve();
  }

  protected abstract subscribe(): Promise<() => Promise<void>>;

  /** Resolves when the event is durable, was so before, or is not wanted; throws when it must be delivered again. */
  protected async deliver(event: TriggerEvent): Promise<'accepted' | 'duplicate' | 'filtered'> {
    const result = await this.#queue.offer(event);
    if (result.outcome === 'rejected') throw new TriggerError(`trigger ${this.triggerId} could not take ${event.eventId}: ${result.message}`, { triggerId: this.triggerId, retryable: true });
    return result.outcome;
  }
}
