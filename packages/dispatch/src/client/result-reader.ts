import type { Delivery, MessageBus, Subscription } from '@cortex-runtime/bus';
import { backoffMs, describeError, sleep, type Clock, type Logger } from '@cortex-runtime/core';

import { giveBack } from '../give-back.ts';
import { readTaskResult, type TaskResult } from '../task/task-result.ts';
import { RESULTS_STREAM } from '../task/task-streams.ts';
import type { TaskOutbox } from './task-outbox.ts';

/** A result as it came. */
export interface ReceivedResult {
  /** Id of its entry: the same when the result comes again. */
  readonly msgId: string;
}

export type ResultHandler = (result: TaskResult, received: ReceivedResult) => Promise<void> | void;

export interface ResultReaderDependencies {
  bus: MessageBus;
  clock: Clock;
  logger: Logger;
  /** What was handled is closed in it. */
  outbox?: TaskOutbox;
}

const readAtOnce = 32;
const backoff = { baseMs: 500, maxMs: 30_000 };

/**
 * Reads results for one group, each until its handler has taken it. A subscription that the bus ends is made again after a while: somebody has to change the server, and then
 * reading goes on by itself.
 *
 * States: created → `start` → reading → `stop` → stopped.
 */
export class ResultReader {
  readonly #deps: ResultReaderDependencies;
  readonly #group: string;
  readonly #handler: ResultHandler;
  readonly #stopping = new AbortController();
  #subscription: Subscription | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Since something came last. */
  #failures = 0;

  constructor(deps: ResultReaderDependencies, group: string, handler: ResultHandler) {
    this.#deps = deps;
    this.#group = group;
    this.#handler = handler;
  }

  /** Resolves when the group is there: from now on no result passes it by. */
  async start(): Promise<void> {
    await this.#deps.bus.createGroup(RESULTS_STREAM, this.#group);
    this.#running = this.#read();
  }

  /** Results that are being handled are. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#subscription?.stop();
    await this.#running;
  }

  async #read(): Promise<void> {
    const { bus, clock, logger } = this.#deps;
    while (!this.#stopping.signal.aborted) {
      try {
        const subscription = bus.subscribe(RESULTS_STREAM, { group: this.#group, maxInFlight: readAtOnce });
        this.#subscription = subscription;
        const ends = await Promise.allSettled(Array.from({ length: readAtOnce }, () => this.#handleEach(subscription)));
        const failed = ends.find((end) => end.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
        if (!this.#stopping.signal.aborted) throw new Error('the bus ended the subscription');
      } catch (error) {
        this.#failures += 1;
        logger.error({ group: this.#group, error: describeError(error) }, 'results can not be read; it is tried again');
        await sleep(clock, backoffMs(this.#failures, backoff), this.#stopping.signal).catch(() => {});
      }
    }
  }

  async #handleEach(subscription: Subscription): Promise<void> {
    for (;;) {
      const { value: delivery } = await subscription.next();
      if (delivery === undefined) return;
      this.#failures = 0;
      await this.#handle(delivery);
    }
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { outbox, logger, clock } = this.#deps;
    try {
      const result = readTaskResult(delivery.json());
      await this.#handler(result, { msgId: delivery.msgId });
      outbox?.closed(result.taskId);
      await delivery.ack();
    } catch (error) {
      logger.warn({ msgId: delivery.msgId, error: describeError(error) }, 'a result could not be handled; it comes again');
      await delivery.nack(error).catch(() => giveBack(delivery, { clock, isOver: () => this.#stopping.signal.aborted }));
    }
  }
}
