import { backoffMs, type Clock } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { HeldDelivery, type Settlements } from '../held-delivery.ts';
import type { HeldSubscription, SubscriptionHost } from '../held-subscription.ts';
import type { BusNotice, FollowUp, GroupMessage, NackOutcome } from '../message-bus.ts';
import { newPending, payloadOf, type MemoryGroup, type MemoryStream, type Pending } from './memory-stream.ts';

export interface MemoryConsumerDependencies {
  clock: Clock;
  settings: BusSettings;
  notify: (notice: BusNotice) => void;
  /** An existing stream, or one that is made now. */
  stream(name: string): MemoryStream;
  /** Throws when its stream is full. @returns the id of the follow-up */
  follow(followUp: FollowUp): string;
}

/** One look in so many begins with the stream that is served last. */
const turnOfTheLast = 8;

/** Who holds what, and what is delivered next to whom. */
export class MemoryConsumer implements SubscriptionHost {
  readonly settlements: Settlements = {
    ack: (delivery, followUp) => settled(() => this.#ack(delivery, followUp)),
    retry: (delivery, error, delayMs, followUp) => settled(() => this.#retry(delivery, error, delayMs, followUp)),
    deadLetter: (delivery, error, followUp) => settled(() => this.#deadLetter(delivery, error, followUp)),
    release: (delivery, delayMs) => settled(() => this.#release(delivery, delayMs)),
  };
  readonly #deps: MemoryConsumerDependencies;
  readonly #subscriptions = new Set<HeldSubscription>();
  #deadLetters = 0;
  #turn = 0;

  constructor(deps: MemoryConsumerDependencies) {
    this.#deps = deps;
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  add(subscription: HeldSubscription): void {
    this.#subscriptions.add(subscription);
    for (const name of subscription.streams) {
      const of = this.#deps.stream(name);
      const place = of.group(subscription.group);
      place.subscriptions.push(subscription);
      this.schedule(of, place);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop({ drainMs: 0 })));
  }

  // --- for subscriptions

  wanted(subscription: HeldSubscription): void {
    const { streams, order } = subscription;
    if (streams.length === 1) this.#look(streams[0] ?? '', subscription.group);
    else {
      this.#turn += 1;
      const isReversed = order === 'priority' && this.#turn % turnOfTheLast === 0;
      const first = order === 'fair' ? this.#turn % streams.length : 0;
      for (let index = 0; index < streams.length; index += 1) {
        const at = isReversed ? streams.length - 1 - index : (first + index) % streams.length;
        this.#look(streams[at] ?? '', subscription.group);
      }
    }
  }

  stopped(subscription: HeldSubscription): void {
    for (const name of subscription.streams) {
      const { subscriptions } = this.#deps.stream(name).group(subscription.group);
      const index = subscriptions.indexOf(subscription);
      if (index >= 0) subscriptions.splice(index, 1);
    }
  }

  async ended(subscription: HeldSubscription): Promise<void> {
    this.#subscriptions.delete(subscription);
  }

  // --- for the bus

  /** Something may be deliverable. */
  schedule(of: MemoryStream, group: MemoryGroup): void {
    if (group.isPumping) return;
    group.isPumping = true;
    queueMicrotask(() => {
      group.isPumping = false;
      this.#pump(of, group);
    });
  }

  /** The next message that is due for another delivery. What has used up its deliveries is taken only by who takes that. */
  takeReturned(of: MemoryStream, group: MemoryGroup, takesExhausted = false): Pending | undefined {
    const { settings } = this.#deps;
    for (let returned = group.returned.shift(); returned !== undefined; returned = group.returned.shift()) {
      // It may have been acknowledged by id in the meantime.
      if (group.pending.get(returned.entry.msgId) !== returned || returned.holder !== undefined) continue;
      returned.count += 1;
      if (takesExhausted || returned.count <= settings.maxRetries + 1) return returned;
      returned.count -= 1;
      this.#bury(of, group, returned);
    }
    return undefined;
  }

  /** The next message that nobody of the group has had, made pending. */
  takeNew(of: MemoryStream, group: MemoryGroup): Pending | undefined {
    while (group.cursor < of.log.end) {
      const position = group.cursor;
      group.cursor += 1;
      const entry = of.log.at(position);
      if (entry === undefined || (entry.group !== undefined && entry.group !== group.name)) continue;
      const pending = newPending(entry);
      group.pending.set(entry.msgId, pending);
      return pending;
    }
    return undefined;
  }

  /** Gives a message to a consumer that reads by itself, for `claimIdleMs`. */
  lend(of: MemoryStream, group: MemoryGroup, pending: Pending, consumer: string): GroupMessage {
    const { clock, settings } = this.#deps;
    pending.holder = consumer;
    pending.timer?.cancel();
    const abandoned = () => {
      this.#note(pending, `the consumer ${consumer} stopped without settling the message`);
      this.#park(of, group, pending, 0);
    };
    pending.timer = clock.setTimer(settings.claimIdleMs, abandoned, { keepAlive: false });
    const { entry, count } = pending;
    return { stream: of.name, group: group.name, msgId: entry.msgId, msgType: entry.msgType, payload: payloadOf(entry), deliveryCount: count, resumed: count > 1 };
  }

  /** Nobody has it to work on any more. */
  drop(group: MemoryGroup, pending: Pending): void {
    pending.timer?.cancel();
    if (typeof pending.holder === 'object') pending.holder.lose();
    pending.holder = undefined;
    group.pending.delete(pending.entry.msgId);
  }

  giveBack(of: MemoryStream, group: MemoryGroup, pending: Pending, error: string, delayMs: number, followUp?: FollowUp): NackOutcome {
    const isLast = pending.count > this.#deps.settings.maxRetries;
    if (isLast) this.#follow(pending, followUp);
    this.#note(pending, error);
    if (isLast) {
      this.#bury(of, group, pending);
      return 'dead_letter';
    }
    this.#park(of, group, pending, delayMs);
    return 'retry';
  }

  // ---

  #ack(delivery: HeldDelivery, followUp: FollowUp | undefined): boolean {
    const { pending } = this.#deps.stream(delivery.stream).group(delivery.group);
    const held = pending.get(delivery.msgId);
    if (held?.holder !== delivery) return this.#leaseLost(delivery);
    this.#follow(held, followUp);
    return pending.delete(delivery.msgId);
  }

  /** Throws, and nothing has happened, when the stream of the follow-up is full. */
  #follow({ entry }: Pending, followUp: FollowUp | undefined): void {
    if (followUp !== undefined) entry.followUpId = this.#deps.follow(followUp);
  }

  #retry(delivery: HeldDelivery, error: string, delayMs: number | undefined, followUp: FollowUp | undefined): NackOutcome | undefined {
    const held = this.#held(delivery);
    if (held === undefined) return undefined;
    const { retryBackoffBaseMs: baseMs, retryBackoffMaxMs: maxMs } = this.#deps.settings;
    return this.giveBack(held.of, held.group, held.pending, error, delayMs ?? backoffMs(Math.max(held.pending.count, 1), { baseMs, maxMs }), followUp);
  }

  #deadLetter(delivery: HeldDelivery, error: string, followUp: FollowUp | undefined): boolean {
    const held = this.#held(delivery);
    if (held === undefined) return false;
    this.#follow(held.pending, followUp);
    this.#note(held.pending, error);
    this.#bury(held.of, held.group, held.pending);
    return true;
  }

  #release(delivery: HeldDelivery, delayMs: number): boolean {
    const held = this.#held(delivery);
    if (held === undefined) return false;
    held.pending.count -= 1;
    this.#park(held.of, held.group, held.pending, delayMs);
    return true;
  }

  #held(delivery: HeldDelivery): { of: MemoryStream; group: MemoryGroup; pending: Pending } | undefined {
    const of = this.#deps.stream(delivery.stream);
    const group = of.group(delivery.group);
    const pending = group.pending.get(delivery.msgId);
    if (pending?.holder === delivery) return { of, group, pending };
    this.#leaseLost(delivery);
    return undefined;
  }

  #note(pending: Pending, error: string): void {
    if (pending.errors.length < 10) pending.errors = [...pending.errors, error.slice(0, 1_000)];
  }

  #leaseLost({ stream, group, msgId }: HeldDelivery): false {
    this.#deps.notify({ type: 'bus.lease_lost', stream, group, msgId });
    return false;
  }

  #bury(of: MemoryStream, group: MemoryGroup, pending: Pending): void {
    const { entry, count, errors } = pending;
    this.#deadLetters += 1;
    of.deadLetters.push({ deadLetterId: String(this.#deadLetters), stream: of.name, group: group.name, msgId: entry.msgId, msgType: entry.msgType, payload: payloadOf(entry), deliveryCount: count, errors });
    this.drop(group, pending);
    this.#deps.notify({ type: 'bus.dead_lettered', stream: of.name, group: group.name, msgId: entry.msgId, error: errors.at(-1) ?? '' });
  }

  /** Waits without a holder until it is due. */
  #park(of: MemoryStream, group: MemoryGroup, pending: Pending, delayMs: number): void {
    pending.timer?.cancel();
    pending.timer = undefined;
    if (typeof pending.holder === 'object' && !pending.holder.isSettling) pending.holder.lose();
    pending.holder = undefined;
    const due = () => {
      if (group.pending.get(pending.entry.msgId) !== pending) return;
      group.giveBack(pending);
      this.schedule(of, group);
    };
    if (delayMs <= 0) due();
    else pending.timer = this.#deps.clock.setTimer(delayMs, due, { keepAlive: false });
  }

  #look(name: string, groupName: string): void {
    const of = this.#deps.stream(name);
    const group = of.group(groupName);
    if (group.cursor < of.log.end || group.returned.length > 0) this.schedule(of, group);
  }

  #pump(of: MemoryStream, group: MemoryGroup): void {
    for (;;) {
      const subscription = this.#choose(group);
      if (subscription === undefined) break;
      const pending = this.takeReturned(of, group, subscription.takesExhausted) ?? this.takeNew(of, group);
      if (pending === undefined) return;
      const { entry, count } = pending;
      const history = count === 1 ? undefined : { errors: pending.errors, isExhausted: count > this.#deps.settings.maxRetries + 1 };
      const delivery = new HeldDelivery(subscription, of.name, group.name, entry.msgId, entry.msgType, entry.content, count, history);
      pending.holder = delivery;
      subscription.offer(delivery);
    }
    if (group.waiters.size > 0 && (group.cursor < of.log.end || group.returned.length > 0)) for (const wake of [...group.waiters]) wake();
  }

  #choose({ subscriptions }: MemoryGroup): HeldSubscription | undefined {
    if (subscriptions.length === 1) return (subscriptions[0]?.free ?? 0) > 0 ? subscriptions[0] : undefined;
    const first = subscriptions.shift();
    if (first === undefined) return undefined;
    // Those who have been served go to the end of the queue.
    subscriptions.push(first);
    if (first.free > 0) return first;
    return subscriptions.find(({ free }) => free > 0);
  }
}

/** What is decided at once, with its error, as a promise. */
function settled<T>(settle: () => T): Promise<T> {
  try {
    return Promise.resolve(settle());
  } catch (error) {
    return Promise.reject(error as Error);
  }
}
