import { backoffMs, CortexError, describeError, sleep, type Clock, type Logger } from '@cortex-runtime/core';
import { TriggerStoppedError, type BaseTrigger, type Filter, type TriggerEvent } from '@cortex-runtime/triggers';

import { EventRefusedError } from '../errors.ts';

export interface TriggerListenerPorts {
  clock: Clock;
  logger: Logger;
  /** Resolves when the event is durable in the mailbox. Throws EventRefusedError when it can not be taken. */
  accept(event: TriggerEvent): Promise<'accepted' | 'duplicate'>;
  onFiltered(): void;
}

/** Events of one trigger that are on their way to the disk at the same time; they share its syncs. */
const maxInFlight = 256;
const errorBackoff = { baseMs: 1_000, maxMs: 60_000 };

/**
 * Carries the events of one trigger into the mailbox: filter, accept, and only then acknowledge to the outside.
 *
 * A trigger that breaks is asked again with growing waits; it never takes its process down.
 */
export class TriggerListener {
  readonly trigger: BaseTrigger;
  readonly #filter: Filter | undefined;
  readonly #ports: TriggerListenerPorts;
  #isStopping = false;
  /** Made with the first wait that a stop cuts short: an agent that waits for its trigger pays nothing for it. */
  #waits: AbortController | undefined;
  #pump: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #slotFreed: (() => void) | undefined;

  constructor(trigger: BaseTrigger, filter: Filter | undefined, ports: TriggerListenerPorts) {
    this.trigger = trigger;
    this.#filter = filter;
    this.#ports = ports;
  }

  /** Starts the trigger; its errors are thrown on. */
  async start(): Promise<void> {
    await this.trigger.start();
    this.#pump = this.#listen();
  }

  /** Stops the trigger and waits until no event of it is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#waits?.abort(new TriggerStoppedError(this.trigger.triggerId));
    await this.trigger.stop();
    await this.#pump;
  }

  async #listen(): Promise<void> {
    const { logger } = this.#ports;
    let failures = 0;
    while (!this.#isStopping) {
      try {
        const event = await this.trigger.waitForNext();
        failures = 0;
        await this.#slot();
        this.#inFlight += 1;
        void this.#deliver(event).finally(() => {
          this.#inFlight -= 1;
          this.#slotFreed?.();
        });
      } catch (error) {
        if (this.#isStopping || error instanceof TriggerStoppedError) break;
        failures += 1;
        const waitMs = backoffMs(failures, errorBackoff);
        if (failures === 1) logger.error({ triggerId: this.trigger.triggerId, error: describeError(error) }, 'a trigger is broken and is asked again');
        await this.#wait(waitMs);
      }
    }
    while (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#slotFreed = resolve));
  }

  /** Resolves after `waitMs`, or when the listener stops. */
  async #wait(waitMs: number): Promise<void> {
    this.#waits ??= new AbortController();
    await sleep(this.#ports.clock, waitMs, this.#waits.signal).catch(() => {});
  }

  async #slot(): Promise<void> {
    while (this.#inFlight >= maxInFlight) await new Promise<void>((resolve) => (this.#slotFreed = resolve));
  }

  async #deliver(event: TriggerEvent): Promise<void> {
    const { trigger } = this;
    const { logger } = this.#ports;
    try {
      if (this.#filter !== undefined && !this.#filter.matches(event)) {
        this.#ports.onFiltered();
        await trigger.acknowledge?.(event, 'filtered');
        return;
      }
      const outcome = await this.#accept(event);
      if (outcome !== undefined) await trigger.acknowledge?.(event, outcome);
    } catch (error) {
      logger.error({ triggerId: trigger.triggerId, eventId: event.eventId, error: describeError(error) }, 'an event could not be taken');
      await trigger.reject?.(event, { message: CortexError.is(error) ? error.message : 'the event could not be stored', retryAfterMs: 30_000 });
    }
  }

  /** A trigger that can tell its source "not now" does; for the others the event is held and offered again, so that a tick is not lost to a full mailbox. */
  async #accept(event: TriggerEvent): Promise<'accepted' | 'duplicate' | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#ports.accept(event);
      } catch (error) {
        if (!(error instanceof EventRefusedError)) throw error;
        if (this.trigger.reject !== undefined) {
          await this.trigger.reject(event, { message: error.message, retryAfterMs: error.retryAfterMs });
          return undefined;
        }
        if (this.#isStopping) return undefined;
        await this.#wait(backoffMs(attempt, errorBackoff));
        if (this.#isStopping) return undefined;
      }
    }
  }
}
