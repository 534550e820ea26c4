import { describeError, InvalidInputError, silentLogger, type Clock, type HealthStatus, type Logger } from '@cortex-runtime/core';

import { BusConfig, type BusSettings } from '../config/index.ts';
import { completeReadOptions, completeSubscribeOptions } from '../consumer-options.ts';
import { BusConflictError, BusError, BusFullError } from '../errors.ts';
import { assertOpen, HeldSubscription } from '../held-subscription.ts';
import type {
  BusNotice, DeadLetter, Envelope, FollowUp, GroupMessage, MessageBus, NackOutcome, NewMessage, PublishedMessage, PublishOptions, ReadGroupOptions, RestoredMessage, StreamStatus, SubscribeOptions, Subscription, Tail,
} from '../message-bus.ts';
import { notifier } from '../notifier.ts';
import { assertFollowUp, assertNewMessages, assertPublishOptions } from '../publish-options.ts';
import { assertGroupName, assertStreamName, streamList } from '../stream-name.ts';
import { MemoryConsumer } from './memory-consumer.ts';
import { hasPayload, MemoryStream, payloadOf, type MemoryEntry, type MemoryGroup, type Pending } from './memory-stream.ts';
import { MemoryTail } from './memory-tail.ts';

export interface MemoryBusDependencies {
  clock: Clock;
  logger?: Logger;
  onNotice?: (notice: BusNotice) => void;
}

/** {@link MessageBus} within one process. What is on it ends with the process; within it, the promises are those of the Redis bus. */
export class MemoryBus implements MessageBus {
  readonly settings: BusSettings;
  readonly #clock: Clock;
  readonly #consumer: MemoryConsumer;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #tails = new Map<string, Set<MemoryTail>>();
  #isClosed = false;

  constructor(deps: MemoryBusDependencies, config: BusConfig = {}) {
    this.settings = BusConfig.parse(config);
    this.#clock = deps.clock;
    this.#consumer = new MemoryConsumer({
      clock: deps.clock,
      settings: this.settings,
      notify: notifier(deps.logger ?? silentLogger, deps.onNotice),
      stream: (name) => this.#stream(name),
      follow: (followUp) => this.#publish(followUp.stream, followUp.payload, followUp),
    });
  }

  publish(stream: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<string> {
    try {
      assertOpen(this.#isClosed);
      assertPublishOptions(options);
      return Promise.resolve(this.#publish(stream, payload, options));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  async publishAll(stream: string, messages: readonly NewMessage[]): Promise<(string | Error)[]> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    assertNewMessages(messages);
    return messages.map(({ payload, ...options }) => {
      try {
        return this.#publish(stream, payload, options);
      } catch (error) {
        if (error instanceof BusError) return error;
        throw error;
      }
    });
  }

  #publish(stream: string, payload: Uint8Array | string, options: PublishOptions): string {
    const { msgType = 'task', dedupId, maxLength = this.settings.maxLength, whileUnread } = options;
    const of = this.#stream(stream);
    const now = this.#clock.now();
    const known = dedupId === undefined ? undefined : of.remembered(dedupId, now);
    if (dedupId !== undefined && known !== undefined) {
      if (known.msgType !== msgType || !hasPayload(known, payload)) throw new BusConflictError(stream, dedupId, known.msgId);
      return known.msgId;
    }
    if (of.groups.size === 0 && whileUnread === 'trim') of.cut(maxLength);
    else if (of.log.length >= this.settings.maxBacklog && of.backlog >= this.settings.maxBacklog) {
      throw new BusFullError(stream, `${this.settings.maxBacklog} messages are not acknowledged yet`);
    }
    const content = typeof payload === 'string' ? payload : Buffer.from(Uint8Array.from(payload).buffer);
    const entry = this.#append(of, now, msgType, content, undefined, dedupId === undefined ? 0 : now + this.settings.dedupWindowMs);
    if (dedupId !== undefined) of.remember(dedupId, entry, now);
    if ((of.log.end & 63) === 0) of.trim(maxLength);
    return entry.msgId;
  }

  #append(of: MemoryStream, now: number, msgType: string, content: string | Buffer, group: string | undefined, expiresAt: number): MemoryEntry {
    const entry: MemoryEntry = { msgId: of.nextId(now), msgType, content, isDigest: false, position: of.log.end, group, expiresAt, followUpId: undefined };
    of.log.push(entry);
    for (const each of of.groups.values()) this.#consumer.schedule(of, each);
    if (this.#tails.size > 0) for (const tail of this.#tails.get(of.name) ?? []) tail.offer({ stream: of.name, ...envelope(entry) });
    return entry;
  }

  async createGroup(stream: string, group = this.settings.consumerGroup, options: { start?: 'beginning' | 'end' } = {}): Promise<void> {
    assertOpen(this.#isClosed);
    assertGroupName('group', group);
    const of = this.#stream(stream);
    of.group(group, options.start === 'end' ? of.log.end : of.log.start);
  }

  async removeGroup(stream: string, group: string): Promise<boolean> {
    assertOpen(this.#isClosed);
    assertGroupName('group', group);
    return this.#stream(stream).groups.delete(group);
  }

  async readGroup(streams: string | readonly string[], options: ReadGroupOptions): Promise<GroupMessage[]> {
    assertOpen(this.#isClosed);
    const { group, consumer, count, blockMs } = completeReadOptions(options, this.settings.consumerGroup);
    const places = streamList(streams).map((name) => {
      const of = this.#stream(name);
      return { of, group: of.group(group) };
    });
    const read = () => {
      const messages: GroupMessage[] = [];
      const collect = (next: (of: MemoryStream, group: MemoryGroup) => Pending | undefined) => {
        for (const { of, group } of places) {
          while (messages.length < count) {
            const pending = next(of, group);
            if (pending === undefined) break;
            messages.push(this.#consumer.lend(of, group, pending, consumer));
          }
        }
      };
      // What comes again comes first, of whichever stream.
      collect((of, place) => this.#consumer.takeReturned(of, place));
      collect((of, place) => this.#consumer.takeNew(of, place));
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
      this.#consumer.drop(place, pending);
      acknowledged += 1;
    }
    return acknowledged;
  }

  async nack(stream: string, group: string, msgId: string, options: { reason?: unknown; delayMs?: number } = {}): Promise<NackOutcome | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const place = this.#place(stream, group);
    const pending = place?.pending.get(msgId);
    if (place === undefined || pending === undefined) return undefined;
    return this.#consumer.giveBack(this.#stream(stream), place, pending, options.reason === undefined ? 'no reason given' : describeError(options.reason), options.delayMs ?? 0);
  }

  subscribe(streams: string | readonly string[], options: SubscribeOptions = {}): Subscription {
    assertOpen(this.#isClosed);
    const list = streamList(streams);
    const subscription = new HeldSubscription(this.#clock, this.#consumer, list, completeSubscribeOptions(options, this.settings.consumerGroup));
    this.#consumer.add(subscription);
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
      if (letter !== undefined) ids.push(this.#append(of, this.#clock.now(), letter.msgType, Buffer.from(letter.payload), letter.group, 0).msgId);
    }
    return ids;
  }

  async inspect(stream: string): Promise<StreamStatus> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const of = this.#streams.get(stream);
    if (of === undefined) return { length: 0, groups: [], deadLetters: 0 };
    const groups = [...of.groups.values()].map(({ name, pending, cursor }) => ({ name, pending: pending.size, waiting: of.log.countFrom(cursor) }));
    return { length: of.log.length, groups, deadLetters: of.deadLetters.length };
  }

  async revoke(stream: string, msgId: string, { publish }: { publish?: FollowUp } = {}): Promise<boolean> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    assertFollowUp(publish);
    const of = this.#streams.get(stream);
    const position = of?.positionOf(msgId);
    if (of === undefined || position === undefined) return false;
    const groups = [...of.groups.values()];
    if (groups.length > 0 && !groups.some(({ cursor, pending }) => position >= cursor || pending.has(msgId))) return false;
    const entry = of.log.at(position);
    if (publish !== undefined && entry !== undefined) entry.followUpId = this.#publish(publish.stream, publish.payload, publish);
    of.log.remove(position);
    for (const group of groups) {
      const pending = group.pending.get(msgId);
      if (pending !== undefined) this.#consumer.drop(group, pending);
    }
    return true;
  }

  async findPublished(stream: string, dedupId: string): Promise<PublishedMessage | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const of = this.#streams.get(stream);
    const known = of?.remembered(dedupId, this.#clock.now());
    return known === undefined ? undefined : { msgId: known.msgId, isKept: of?.log.at(known.position) !== undefined, followUpId: known.followUpId };
  }

  async restore(stream: string, dedupId: string, payload: Uint8Array | string, options: { msgType?: string } = {}): Promise<RestoredMessage> {
    assertOpen(this.#isClosed);
    assertPublishOptions({ dedupId, ...options });
    const of = this.#stream(stream);
    const known = of.remembered(dedupId, this.#clock.now());
    if (known !== undefined && (known.msgType !== (options.msgType ?? 'task') || !hasPayload(known, payload))) throw new BusConflictError(stream, dedupId, known.msgId);
    if (known?.followUpId !== undefined) return { msgId: known.msgId, outcome: 'settled' };
    if (known !== undefined && of.log.at(known.position) !== undefined) return { msgId: known.msgId, outcome: 'kept' };
    of.forget(dedupId);
    return { msgId: this.#publish(stream, payload, { ...options, dedupId }), outcome: 'restored' };
  }

  async fetch(stream: string, msgId: string): Promise<Envelope | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const entry = this.#streams.get(stream)?.find(msgId);
    return entry === undefined ? undefined : envelope(entry);
  }

  async tail(streams: string | readonly string[], { after }: { after?: string } = {}): Promise<Tail> {
    assertOpen(this.#isClosed);
    const list = streamList(streams);
    if (list.length > 1 && after !== undefined) throw new InvalidInputError('after', 'is an id of one stream, and several were given');
    const tail = new MemoryTail((stopped) => list.forEach((name) => this.#tails.get(name)?.delete(stopped)));
    for (const name of list) {
      if (after !== undefined) for (const entry of this.#stream(name).entriesAfter(after)) tail.offer({ stream: name, ...envelope(entry) });
      const others = this.#tails.get(name) ?? new Set();
      this.#tails.set(name, others.add(tail));
    }
    return tail;
  }

  async health(): Promise<HealthStatus> {
    const details = { server: 'memory', durability: 'memory', subscriptions: this.#consumer.subscriptions };
    return this.#isClosed ? { ok: false, error: 'the bus is closed', details } : { ok: true, latencyMs: 0, details };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#consumer.close();
    for (const tails of this.#tails.values()) for (const tail of [...tails]) await tail.stop();
    for (const { groups } of this.#streams.values()) {
      for (const { waiters, pending } of groups.values()) {
        for (const wake of [...waiters]) wake();
        for (const { timer } of pending.values()) timer?.cancel();
      }
    }
  }

  #stream(name: string): MemoryStream {
    let of = this.#streams.get(name);
    if (of === undefined) {
      assertStreamName(name);
      of = new MemoryStream(name);
      this.#streams.set(name, of);
    }
    return of;
  }

  #place(stream: string, group: string): MemoryGroup | undefined {
    return this.#streams.get(stream)?.groups.get(group);
  }
}

function envelope(entry: MemoryEntry): Envelope {
  return { msgId: entry.msgId, msgType: entry.msgType, payload: payloadOf(entry), resumed: false };
}
