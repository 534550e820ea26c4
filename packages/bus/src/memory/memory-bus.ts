import { backoffMs, describeError, silentLogger, type Clock, type HealthStatus, type Logger } from '@cortex-runtime/core';

import { BusConfig, type BusSettings } from '../config/index.ts';
import { completeReadOptions, completeSubscribeOptions } from '../consumer-options.ts';
import { BusConflictError, BusFullError } from '../errors.ts';
import { HeldDelivery, type Settlements } from '../held-delivery.ts';
import { assertOpen, HeldSubscription, type SubscriptionHost } from '../held-subscription.ts';
import type { BusNotice, DeadLetter, GroupMessage, MessageBus, NackOutcome, PublishOptions, ReadGroupOptions, StreamStatus, SubscribeOptions, Subscription } from '../message-bus.ts';
import { notifier } from '../notifier.ts';
import { assertPublishOptions } from '../publish-options.ts';
import { assertGroupName, assertStreamName, streamList } from '../stream-name.ts';
import { condense, isSameContent, MemoryGroup, MemoryStream, type Pending } from './memory-stream.ts';

export interface MemoryBusDependencies {
  clock: Clock;
  logger?: Logger;
  onNotice?: (notice: BusNotice) => void;
}

/** {@link MessageBus} within one process. What is on it ends with the process; within it, the promises are those of the Redis bus. */
export class MemoryBus implements MessageBus, SubscriptionHost {
  readonly settings: BusSettings;
  readonly settlements: Settlements = {
    ack: (delivery) => Promise.resolve(this.#ackHeld(delivery)),
    retry: (delivery, error, delayMs) => Promise.resolve(this.#retry(delivery, error, delayMs)),
    deadLetter: (delivery, error) => Promise.resolve(this.#deadLetter(delivery, error)),
    release: (delivery) => Promise.resolve(this.#release(delivery)),
  };
  readonly #clock: Clock;
  readonly #notify: (notice: BusNotice) => void;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #subscriptions = new Set<HeldSubscription>();
  #deadLetters = 0;
  #isClosed = false;

  constructor(deps: MemoryBusDependencies, config: BusConfig = {}) {
    this.settings = BusConfig.parse(config);
    this.#clock = deps.clock;
    this.#notify = notifier(deps.logger ?? silentLogger, deps.onNotice);
  }

  publish(stream: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<string> {
    try {
      return Promise.resolve(this.#publish(stream, payload, options));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #publish(stream: string, payload: Uint8Array | string, options: PublishOptions): string {
    assertOpen(this.#isClosed);
    assertPublishOptions(options);
    const { msgType = 'task', dedupId, maxLength = this.settings.maxLength } = options;
    const of = this.#streams.get(stream) ?? this.#make(stream);
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(Uint8Array.from(payload).buffer);
    const now = this.#clock.now();
    const known = dedupId === undefined ? undefined : of.remembered(dedupId, now);
    if (dedupId !== undefined && known !== undefined) {
      if (known.msgType !== msgType || known.length !== bytes.length || !isSameContent(known.content, condense(payload, bytes))) throw new BusConflictError(stream, dedupId, known.msgId);
      return known.msgId;
    }
    if (of.log.length >= this.settings.maxBacklog && of.backlog >= this.settings.maxBacklog) {
      throw new BusFullError(stream, `${this.settings.maxBacklog} messages are not acknowledged yet`);
    }
    const msgId = this.#append(of, now, msgType, bytes, undefined);
    if (dedupId !== undefined) {
      of.remember(dedupId, { msgId, msgType, length: bytes.length, content: condense(payload, bytes), position: of.log.end - 1, expiresAt: now + this.settings.dedupWindowMs }, now);
    }
    if ((of.log.end & 63) === 0) of.trim(maxLength);
    return msgId;
  }

  #append(of: MemoryStream, now: number, msgType: string, payload: Uint8Array, group: string | undefined): string {
    const msgId = of.nextId(now);
    of.log.push({ msgId, msgType, payload, group });
    for (const each of of.groups.values()) this.#schedule(of, each);
    return msgId;
  }

  async createGroup(stream: string, group = this.settings.consumerGroup, options: { start?: 'beginning' | 'end' } = {}): Promise<void> {
    assertOpen(this.#isClosed);
    assertGroupName('group', group);
    const of = this.#streams.get(stream) ?? this.#make(stream);
    this.#group(of, group, options.start === 'end' ? of.log.end : of.log.start);
  }

  async readGroup(streams: string | readonly string[], options: ReadGroupOptions): Promise<GroupMessage[]> {
    assertOpen(this.#isClosed);
    const { group, consumer, count, blockMs } = completeReadOptions(options, this.settings.consumerGroup);
    const places = streamList(streams).map((name) => {
      const of = this.#streams.get(name) ?? this.#make(name);
      return { of, group: this.#group(of, group) };
    });
    const read = () => {
      const messages: GroupMessage[] = [];
      for (const { of, group } of places) {
        const next = () => this.#take(of, group, count - messages.length);
        for (let pending = next(); pending !== undefined; pending = next()) messages.push(this.#lend(of, group, pending, consumer));
      }
      return messages;
    };
    const found = read();
    if (found.length > 0 || blockMs <= 0) return found;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(blockMs, () => wake());
      const wake = () => {
        timer.cancel();
        for (const place of places) place.group.waiters.delete(wake);
        resolve();
      };
      for (const place of places) place.group.waiters.add(wake);
    });
    return this.#isClosed ? [] : read();
  }

  async ack(stream: string, group: string, msgIds: string | readonly string[]): Promise<number> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const place = this.#place(stream, group);
    if (place === undefined) return 0;
    let acknowledged = 0;
    for (const msgId of typeof msgIds === 'string' ? [msgIds] : msgIds) {
      const pending = place.pending.get(msgId);
      if (pending === undefined) continue;
      this.#drop(place, pending);
      acknowledged += 1;
    }
    return acknowledged;
  }

  async nack(stream: string, group: string, msgId: string, options: { reason?: unknown; delayMs?: number } = {}): Promise<NackOutcome | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const pending = this.#place(stream, group)?.pending.get(msgId);
    if (pending === undefined) return undefined;
    return this.#giveBack(stream, group, pending, options.reason === undefined ? 'no reason given' : describeError(options.reason), options.delayMs ?? 0);
  }

  subscribe(streams: string | readonly string[], options: SubscribeOptions = {}): Subscription {
    assertOpen(this.#isClosed);
    const { group, maxInFlight } = completeSubscribeOptions(options, this.settings.consumerGroup);
    const subscription = new HeldSubscription(this.#clock, this, streamList(streams), group, maxInFlight);
    this.#subscriptions.add(subscription);
    for (const name of subscription.streams) {
      const of = this.#streams.get(name) ?? this.#make(name);
      const place = this.#group(of, group);
      place.subscriptions.push(subscription);
      this.#schedule(of, place);
    }
    return subscription;
  }

  async deadLetters(stream: string, options: { limit?: number; after?: string } = {}): Promise<DeadLetter[]> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const letters = this.#streams.get(stream)?.deadLetters ?? [];
    const from = options.after === undefined ? 0 : letters.findIndex(({ deadLetterId }) => Number(deadLetterId) > Number(options.after));
    return from < 0 ? [] : letters.slice(from, from + (options.limit ?? 100));
  }

  async redeliver(stream: string, deadLetterIds: string | readonly string[]): Promise<string[]> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const of = this.#streams.get(stream);
    if (of === undefined) return [];
    const ids: string[] = [];
    for (const id of typeof deadLetterIds === 'string' ? [deadLetterIds] : deadLetterIds) {
      const index = of.deadLetters.findIndex(({ deadLetterId }) => deadLetterId === id);
      const [letter] = index < 0 ? [] : of.deadLetters.splice(index, 1);
      if (letter !== undefined) ids.push(this.#append(of, this.#clock.now(), letter.msgType, letter.payload, letter.group));
    }
    return ids;
  }

  async inspect(stream: string): Promise<StreamStatus> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const of = this.#streams.get(stream);
    if (of === undefined) return { length: 0, groups: [], deadLetters: 0 };
    const groups = [...of.groups.values()].map(({ name, pending, cursor }) => ({ name, pending: pending.size, waiting: of.log.end - cursor }));
    return { length: of.log.length, groups, deadLetters: of.deadLetters.length };
  }

  async health(): Promise<HealthStatus> {
    const details = { server: 'memory', durability: 'memory', subscriptions: this.#subscriptions.size };
    return this.#isClosed ? { ok: false, error: 'the bus is closed', details } : { ok: true, latencyMs: 0, details };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop({ drainMs: 0 })));
    for (const { groups } of this.#streams.values()) {
      for (const { waiters, pending } of groups.values()) {
        for (const wake of [...waiters]) wake();
        for (const { timer } of pending.values()) timer?.cancel();
      }
    }
  }

  // --- for subscriptions

  wanted(subscription: HeldSubscription): void {
    for (const name of subscription.streams) {
      const of = this.#streams.get(name);
      const place = of?.groups.get(subscription.group);
      if (of !== undefined && place !== undefined && (place.cursor < of.log.end || place.returned.length > 0)) this.#schedule(of, place);
    }
  }

  stopped(subscription: HeldSubscription): void {
    for (const name of subscription.streams) {
      const place = this.#place(name, subscription.group);
      const index = place?.subscriptions.indexOf(subscription) ?? -1;
      if (index >= 0) place?.subscriptions.splice(index, 1);
    }
  }

  async ended(subscription: HeldSubscription): Promise<void> {
    this.#subscriptions.delete(subscription);
  }

  #ackHeld(delivery: HeldDelivery): boolean {
    const place = this.#place(delivery.stream, delivery.group);
    if (place?.pending.get(delivery.msgId)?.holder !== delivery) return this.#leaseLost(delivery);
    return place.pending.delete(delivery.msgId);
  }

  #retry(delivery: HeldDelivery, error: string, delayMs: number | undefined): NackOutcome | undefined {
    const pending = this.#held(delivery);
    if (pending === undefined) return undefined;
    const { retryBackoffBaseMs: baseMs, retryBackoffMaxMs: maxMs } = this.settings;
    return this.#giveBack(delivery.stream, delivery.group, pending, error, delayMs ?? backoffMs(Math.max(pending.count, 1), { baseMs, maxMs }));
  }

  #deadLetter(delivery: HeldDelivery, error: string): boolean {
    const pending = this.#held(delivery);
    if (pending === undefined) return false;
    pending.errors.push(error);
    this.#bury(delivery.stream, delivery.group, pending);
    return true;
  }

  #release(delivery: HeldDelivery): boolean {
    const pending = this.#held(delivery);
    if (pending === undefined) return false;
    pending.count -= 1;
    this.#park(delivery.stream, delivery.group, pending, 0);
    return true;
  }

  // ---

  #make(name: string): MemoryStream {
    assertStreamName(name);
    const of = new MemoryStream(name);
    this.#streams.set(name, of);
    return of;
  }

  #group(of: MemoryStream, name: string, cursor = of.log.start): MemoryGroup {
    let group = of.groups.get(name);
    if (group === undefined) {
      group = new MemoryGroup(name, cursor);
      of.groups.set(name, group);
    }
    return group;
  }

  #place(stream: string, group: string): MemoryGroup | undefined {
    return this.#streams.get(stream)?.groups.get(group);
  }

  #held(delivery: HeldDelivery): Pending | undefined {
    const pending = this.#place(delivery.stream, delivery.group)?.pending.get(delivery.msgId);
    if (pending?.holder === delivery) return pending;
    this.#leaseLost(delivery);
    return undefined;
  }

  #leaseLost({ stream, group, msgId }: HeldDelivery): false {
    this.#notify({ type: 'bus.lease_lost', stream, group, msgId });
    return false;
  }

  #drop(group: MemoryGroup, pending: Pending): void {
    pending.timer?.cancel();
    if (typeof pending.holder === 'object') pending.holder.lose();
    pending.holder = undefined;
    group.pending.delete(pending.entry.msgId);
  }

  #giveBack(stream: string, group: string, pending: Pending, error: string, delayMs: number): NackOutcome {
    if (pending.errors.length < 10) pending.errors.push(error.slice(0, 1_000));
    if (pending.count > this.settings.maxRetries) {
      this.#bury(stream, group, pending);
      return 'dead_letter';
    }
    this.#park(stream, group, pending, delayMs);
    return 'retry';
  }

  #bury(stream: string, group: string, pending: Pending): void {
    const of = this.#streams.get(stream);
    const place = of?.groups.get(group);
    if (of === undefined || place === undefined) return;
    const { entry, count, errors } = pending;
    this.#deadLetters += 1;
    of.deadLetters.push({ deadLetterId: String(this.#deadLetters), stream, group, msgId: entry.msgId, msgType: entry.msgType, payload: entry.payload, deliveryCount: count, errors });
    this.#drop(place, pending);
    this.#notify({ type: 'bus.dead_lettered', stream, group, msgId: entry.msgId, error: errors.at(-1) ?? '' });
  }

  /** Waits without a holder until it is due. */
  #park(stream: string, group: string, pending: Pending, delayMs: number): void {
    const of = this.#streams.get(stream);
    const place = of?.groups.get(group);
    if (of === undefined || place === undefined) return;
    pending.timer?.cancel();
    pending.timer = undefined;
    if (typeof pending.holder === 'object' && !pending.holder.isSettling) pending.holder.lose();
    pending.holder = undefined;
    const due = () => {
      if (place.pending.get(pending.entry.msgId) !== pending) return;
      place.returned.push(pending);
      this.#schedule(of, place);
    };
    if (delayMs <= 0) due();
    else pending.timer = this.#clock.setTimer(delayMs, due, { keepAlive: false });
  }

  /** The next message that is to be delivered, made pending. */
  #take(of: MemoryStream, group: MemoryGroup, room: number): Pending | undefined {
    if (room <= 0) return undefined;
    for (let returned = group.returned.shift(); returned !== undefined; returned = group.returned.shift()) {
      // It may have been acknowledged by id in the meantime.
      if (group.pending.get(returned.entry.msgId) !== returned || returned.holder !== undefined) continue;
      returned.count += 1;
      if (returned.count <= this.settings.maxRetries + 1) return returned;
      returned.errors.push('its consumers stopped without settling it');
      returned.count -= 1;
      this.#bury(of.name, group.name, returned);
    }
    while (group.cursor < of.log.end) {
      const position = group.cursor;
      group.cursor += 1;
      const entry = of.log.at(position);
      if (entry === undefined || (entry.group !== undefined && entry.group !== group.name)) continue;
      const pending: Pending = { entry, position, errors: [], count: 1, holder: undefined, timer: undefined };
      group.pending.set(entry.msgId, pending);
      return pending;
    }
    return undefined;
  }

  /** Gives a message to a consumer that reads by itself, for `claimIdleMs`. */
  #lend(of: MemoryStream, group: MemoryGroup, pending: Pending, consumer: string): GroupMessage {
    pending.holder = consumer;
    pending.timer?.cancel();
    pending.timer = this.#clock.setTimer(this.settings.claimIdleMs, () => this.#park(of.name, group.name, pending, 0), { keepAlive: false });
    const { entry, count } = pending;
    return { stream: of.name, group: group.name, msgId: entry.msgId, msgType: entry.msgType, payload: entry.payload, deliveryCount: count, resumed: count > 1 };
  }

  #schedule(of: MemoryStream, group: MemoryGroup): void {
    if (group.isPumping) return;
    group.isPumping = true;
    queueMicrotask(() => {
      group.isPumping = false;
      this.#pump(of, group);
    });
  }

  #pump(of: MemoryStream, group: MemoryGroup): void {
    for (;;) {
      const subscription = this.#choose(group);
      if (subscription === undefined) break;
      const pending = this.#take(of, group, 1);
      if (pending === undefined) return;
      const { entry, count } = pending;
      const delivery = new HeldDelivery(subscription, of.name, group.name, entry.msgId, entry.msgType, entry.payload, count);
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
