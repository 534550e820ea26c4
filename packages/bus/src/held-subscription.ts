import { InvalidInputError, type Clock, type Timer } from '@cortex-runtime/core';

import { BusClosedError } from './errors.ts';
import { type HeldDelivery, type Holder, type Settlements } from './held-delivery.ts';
import type { Delivery, SubscribeOptions, Subscription } from './message-bus.ts';

/** What a subscription needs of its adapter. */
export interface SubscriptionHost {
  readonly settlements: Settlements;
  /** There is room again for a message of these streams. */
  wanted(subscription: HeldSubscription): void;
  /** Nothing more is taken. */
  stopped(subscription: HeldSubscription): void;
  /** Everything is settled or given back. */
  ended(subscription: HeldSubscription): Promise<void>;
}

/** The messages of one subscriber, whatever the adapter. States: running → stopping (nothing new) → ended. */
export class HeldSubscription implements Subscription, Holder {
  readonly streams: readonly string[];
  readonly group: string;
  #maxInFlight: number;
  readonly order: 'fair' | 'priority';
  readonly takesExhausted: boolean;
  readonly settlements: Settlements;
  /** By stream, then by message id. */
  readonly inFlight = new Map<string, Map<string, HeldDelivery>>();
  readonly #clock: Clock;
  readonly #host: SubscriptionHost;
  readonly #ready: HeldDelivery[] = [];
  readonly #takers: ((result: IteratorResult<Delivery, undefined>) => void)[] = [];
  #head = 0;
  /** Places that are taken. */
  #held = 0;
  #unsettled = 0;
  #state: 'running' | 'stopping' | 'ended' = 'running';
  #failure: unknown;
  #stopping: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(clock: Clock, host: SubscriptionHost, streams: readonly string[], options: Required<SubscribeOptions>) {
    this.#clock = clock;
    this.#host = host;
    this.streams = streams;
    this.group = options.group;
    this.#maxInFlight = options.maxInFlight;
    this.order = options.order;
    this.takesExhausted = options.takesExhausted;
    this.settlements = host.settlements;
    for (const stream of streams) this.inFlight.set(stream, new Map());
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** How many more messages it takes. */
  get free(): number {
    return this.#state === 'running' ? this.#maxInFlight - this.#held : 0;
  }

  limit(maxInFlight: number): void {
    if (!Number.isInteger(maxInFlight) || maxInFlight < 0) throw new InvalidInputError('maxInFlight', `must be a whole number of at least 0, got ${String(maxInFlight)}`);
    this.#maxInFlight = maxInFlight;
    if (this.free > 0) this.#host.wanted(this);
  }

  /** Hands a message in. What arrives after `stop` is given back. */
  offer(delivery: HeldDelivery): void {
    this.inFlight.get(delivery.stream)?.set(delivery.msgId, delivery);
    this.#held += 1;
    this.#unsettled += 1;
    if (this.#state !== 'running') {
      void delivery.surrender();
      return;
    }
    const taker = this.#takers.shift();
    if (taker !== undefined) taker({ done: false, value: delivery });
    else this.#ready.push(delivery);
  }

  settled(delivery: HeldDelivery): void {
    const deliveries = this.inFlight.get(delivery.stream);
    // A later delivery of the same message may have taken its place.
    if (deliveries?.get(delivery.msgId) === delivery) deliveries.delete(delivery.msgId);
    if (delivery.hasPlace) this.#giveUpPlace();
    this.#unsettled -= 1;
    if (this.#unsettled === 0) this.#drained?.();
  }

  freed(): void {
    this.#giveUpPlace();
  }

  #giveUpPlace(): void {
    this.#held -= 1;
    if (this.#state === 'running') this.#host.wanted(this);
  }

  next(): Promise<IteratorResult<Delivery, undefined>> {
    const delivery = this.#ready[this.#head];
    if (delivery !== undefined && this.#state === 'running') {
      this.#head += 1;
      if (this.#head > 1_000 || this.#head === this.#ready.length) {
        this.#ready.splice(0, this.#head);
        this.#head = 0;
      }
      return Promise.resolve({ done: false, value: delivery });
    }
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      return Promise.reject(failure as Error);
    }
    if (this.#state !== 'running') return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  async return(): Promise<IteratorResult<Delivery, undefined>> {
    await this.stop({ drainMs: 0 });
    return { done: true, value: undefined };
  }

  /** Ends with an error that the next reader of the iterator gets: the configuration is such that nothing will ever come. */
  fail(error: unknown): void {
    if (this.#takers.length === 0) this.#failure = error;
    const takers = this.#takers.splice(0);
    takers.forEach((taker, index) => taker(index === 0 ? (Promise.reject(error as Error) as never) : { done: true, value: undefined }));
    void this.stop({ drainMs: 0 });
  }

  stop(options: { drainMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.drainMs ?? 10_000);
    return this.#stopping;
  }

  async #stop(drainMs: number): Promise<void> {
    this.#state = 'stopping';
    const unread = this.#ready.slice(this.#head);
    this.#ready.length = 0;
    this.#head = 0;
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
    this.#host.stopped(this);
    await Promise.all(unread.map((delivery) => delivery.surrender()));
    if (this.#unsettled > 0 && drainMs > 0) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        timer = this.#clock.setTimer(drainMs, resolve);
      });
      timer?.cancel();
    }
    await Promise.all([...this.inFlight.values()].flatMap((deliveries) => [...deliveries.values()]).map((delivery) => delivery.surrender()));
    this.#state = 'ended';
    await this.#host.ended(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Refuses work once `close` was called. */
export function assertOpen(isClosed: boolean): void {
  if (isClosed) throw new BusClosedError();
}
