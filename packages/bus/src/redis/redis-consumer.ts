import { describeError, type Clock, type Logger, type Random } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { HeldDelivery, type DeliveryHistory } from '../held-delivery.ts';
import type { HeldSubscription, SubscriptionHost } from '../held-subscription.ts';
import type { BusNotice, GroupMessage } from '../message-bus.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { DelayedWork } from './delayed-work.ts';
import { decodeEntry, type Entry } from './entry-codec.ts';
import { EntryFilter } from './entry-filter.ts';
import { GroupReader, type ReaderHost } from './group-reader.ts';
import { ParkedWork } from './parked-work.ts';
import { Reclaimer, type Reclaim } from './reclaimer.ts';
import { asBusError, type RedisConnection, type Reply } from './redis-connection.ts';
import { followUpsOfMs, parkedDueMs, parkingConsumer, type RedisNames } from './redis-names.ts';
import type { RedisSettlements } from './redis-settlements.ts';
import { ReturnedWork } from './returned-work.ts';
import { SingleReads } from './single-reads.ts';
import { leaveScript } from './scripts/leave.lua.ts';
import { makeGroupScript } from './scripts/make-group.lua.ts';
import { touchScript } from './scripts/touch.lua.ts';
import { goneWithGroup } from './settling.ts';
import { Sweeper, type Route, type SweepHost } from './sweeper.ts';

export interface ConsumerDependencies {
  clock: Clock;
  random: Random;
  logger: Logger;
  settings: BusSettings;
  names: RedisNames;
  commands: RedisConnection;
  /** For signs of life, which must not wait behind what waits for replicas. */
  leases: RedisConnection;
  pool: ConnectionPool;
  settlements: RedisSettlements;
  notify(notice: BusNotice): void;
}

/** Entries of a stream that are looked at when its group was lost: the server does nothing else meanwhile. Acknowledged ones are rarely more. */
const entriesOfLostGroup = 10_000;

/** Everything that one process reads: its subscriptions, the readers that feed them, and the leases. */
export class RedisConsumer implements SubscriptionHost, ReaderHost, SweepHost {
  readonly settlements: RedisSettlements;
  readonly #deps: ConsumerDependencies;
  readonly #name: string;
  readonly #subscriptions = new Set<HeldSubscription>();
  readonly #readers = new Map<string, GroupReader>();
  readonly #sweeper: Sweeper;
  readonly #reclaimer: Reclaimer;
  readonly #filter: EntryFilter;
  readonly #singleReads: SingleReads;
  readonly #returnedWork: ReturnedWork;
  readonly #delayed: DelayedWork;
  readonly #parkedWork: ParkedWork;
  /** Streams on which a reply was lost, and when the last one was, monotonic. */
  readonly #suspect = new Map<string, number>();
  #started: Promise<void> | undefined;
  /** The message that was taken last of those whose consumers died again and again. */
  #suspected: HeldDelivery | undefined;
  #turn = 0;
  /** The server may still hold something for it that could not be given back. */
  #owesWork = false;

  constructor(deps: ConsumerDependencies, { name, busId }: { name: string; busId: string }) {
    this.#deps = deps;
    this.#name = name;
    this.settlements = deps.settlements;
    this.#sweeper = new Sweeper({ clock: deps.clock, logger: deps.logger, connection: deps.leases, settings: deps.settings, names: deps.names, host: this }, name);
    this.#reclaimer = new Reclaimer(deps, name);
    this.#filter = new EntryFilter(deps, { isLeased: true });
    this.#singleReads = new SingleReads({ ...deps, reclaimer: this.#reclaimer, host: this });
    this.#delayed = new DelayedWork(deps);
    this.#parkedWork = new ParkedWork({ clock: deps.clock, delayed: this.#delayed, longestMs: deps.settings.claimIdleMs }, {
      hasRoom: (stream, group) => this.#room(stream, group) > 0,
      look: (stream, group) => this.#reclaimReturned(stream, group),
      tellOthers: (stream, group) => this.#returnedWork.tellOthers(stream, group),
    });
    this.#returnedWork = new ReturnedWork(deps, busId, {
      listens: () => {
        for (const { stream, group } of this.routes()) void this.#reclaimReturned(stream, group);
      },
      look: (stream, group) => this.#reclaimReturned(stream, group),
      revoked: (stream, msgId) => this.revoked(stream, msgId),
    });
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  add(subscription: HeldSubscription): void {
    this.#subscriptions.add(subscription);
    this.#started ??= this.#start();
    this.#started.then(
      () => {
        if (!subscription.isRunning) return;
        for (const stream of subscription.streams) {
          this.#reader(stream, subscription.group).add(stream, subscription);
          // What an earlier life left parked is taken up at once.
          void this.#reclaimReturned(stream, subscription.group);
        }
      },
      (error: unknown) => subscription.fail(error),
    ).catch((error: unknown) => subscription.fail(error));
  }

  async #start(): Promise<void> {
    try {
      await this.#sweeper.start();
      this.#returnedWork.listen();
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#started?.catch(() => {});
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop({ drainMs: 0 })));
    await Promise.all(this.#parkedWork.left.map(({ stream, group }) => this.#returnedWork.tellBeforeTheEnd(stream, group)));
    await Promise.all([...this.#readers.values()].map((reader) => reader.stop()));
    this.#delayed.cancel();
    await this.#sweeper.stop({ keepsLease: this.#owesWork });
  }

  // --- what subscriptions ask for

  wanted(subscription: HeldSubscription): void {
    const { group, streams, inFlight } = subscription;
    for (const stream of this.#reclaimer.owing(group, { holdsSuspect: this.#holdsSuspect })) if (inFlight.has(stream)) void this.#reclaimReturned(stream, group);
    for (const stream of streams) {
      const reader = this.#readers.get(this.#readerKey(stream, group));
      if (reader === undefined) continue;
      reader.wanted(streams);
      if (this.#deps.settings.cluster === undefined) return;
    }
  }

  stopped(subscription: HeldSubscription): void {
    for (const stream of subscription.streams) this.#readers.get(this.#readerKey(stream, subscription.group))?.remove(stream, subscription);
  }

  async ended(subscription: HeldSubscription): Promise<void> {
    const { group } = subscription;
    const left = subscription.streams.filter((stream) => (this.#readers.get(this.#readerKey(stream, group))?.subscriptionsOf(stream).length ?? 0) === 0);
    for (const stream of left) {
      const key = this.#readerKey(stream, group);
      const reader = this.#readers.get(key);
      if (reader?.isUnused !== true) continue;
      this.#readers.delete(key);
      await reader.stop();
    }
    this.#subscriptions.delete(subscription);
    await Promise.all(left.map((stream) => this.#leave(stream, group)));
  }

  // --- what readers bring

  arrived(stream: string, group: string, entries: readonly Reply[], subscription: HeldSubscription | undefined): void {
    for (const [id, fields] of entries as [Reply, Reply][]) {
      const entry = decodeEntry(id, fields);
      if (entry !== undefined) this.#hand(stream, group, entry, 1, subscription);
    }
  }

  async ensureGroup(stream: string, group: string, start: '0' | '$' = '0'): Promise<boolean> {
    const { commands, names } = this.#deps;
    return commands.persist(`make the group ${group} on ${stream}`, async () => (await commands.script(makeGroupScript, [names.stream(stream)], [group, start])) === 1);
  }

  /** A group that was there, and is gone: what it had settled with a follow-up does not come again. */
  async remakeGroup(stream: string, group: string): Promise<boolean> {
    const { commands, names } = this.#deps;
    const args = [group, '0', names.followUpsPrefix(stream), followUpsOfMs, parkingConsumer, parkedDueMs, entriesOfLostGroup];
    return commands.persist(`make the group ${group} on ${stream}`, async () => (await commands.script(makeGroupScript, [names.stream(stream)], args)) === 1);
  }

  reset(streams: readonly string[], group: string): void {
    for (const stream of streams) {
      this.#deps.notify({ type: 'bus.reset', stream, group });
      this.#returnedWork.announce(stream, group);
      void this.#reclaimReturned(stream, group);
    }
  }

  /** The server may have assigned messages to us in a reply that never came: they are looked for once they are older than any reply can be. */
  lostReply(streams: readonly string[], group: string): void {
    for (const stream of streams) {
      const key = `${group} ${stream}`;
      const isLookedFor = this.#suspect.has(key);
      this.#suspect.set(key, this.#deps.clock.monotonic());
      if (!isLookedFor) this.#delayed.later(this.#deps.settings.leaseMs, () => this.#lookForLost(stream, group));
    }
  }

  async #lookForLost(stream: string, group: string): Promise<void> {
    const { clock, settings } = this.#deps;
    const key = `${group} ${stream}`;
    if (this.#readers.get(this.#readerKey(stream, group))?.isReadingFor(settings.leaseMs) === true) {
      // A slow reply may still bring what would be taken for lost, and then given out twice under one count.
      this.#delayed.later(settings.leaseMs / 5, () => this.#lookForLost(stream, group));
      return;
    }
    const ageMs = clock.monotonic() - (this.#suspect.get(key) ?? 0);
    // Another reply was lost in the meantime: what came with it is too young for this look.
    if (ageMs < settings.leaseMs) this.#delayed.later(settings.leaseMs - ageMs, () => this.#lookForLost(stream, group));
    else this.#suspect.delete(key);
    try {
      await this.#reclaimer.audit(stream, group, settings.leaseMs, (id) => this.#heldDelivery(stream, group, id) !== undefined);
    } catch (error) {
      this.lostReply([stream], group);
      throw error;
    }
  }

  failed(group: string, error: unknown): void {
    for (const subscription of this.#subscriptions) if (subscription.group === group) subscription.fail(asBusError(`read as ${group}`, error));
  }

  async unblock(clientId: number): Promise<void> {
    await this.#deps.commands.command(['CLIENT', 'UNBLOCK', clientId]);
  }

  /** The server may have forgotten what it had settled for us, and still hold it for us: the same look finds that. */
  disconnected(): void {
    for (const { stream, group } of this.routes()) this.lostReply([stream], group);
  }

  // --- what the sweeper finds

  routes(): Route[] {
    return [...this.#readers.values()].flatMap((reader) => [...reader.streams].map((stream) => ({ stream, group: reader.group })));
  }

  async reclaim({ stream, group }: Route, dead: readonly string[], live: readonly string[], { idle }: { idle: boolean }): Promise<void> {
    const takesExhausted = this.#subscriptionsOf(stream, group).some((subscription) => subscription.takesExhausted);
    const take: Reclaim['take'] = (entry, count, history) => this.#hand(stream, group, entry, count, undefined, history);
    try {
      const parked = (dueInMs: number) => this.#parkedWork.found(stream, group, dueInMs);
      await this.#reclaimer.reclaim({ stream, group, dead, live, idle, room: () => this.#room(stream, group), take, parked, takesExhausted, holdsSuspect: () => this.#holdsSuspect });
    } catch (error) {
      this.lostReply([stream], group);
      throw error;
    }
  }

  async remove({ stream, group }: Route, consumers: readonly string[]): Promise<void> {
    const { commands, names } = this.#deps;
    await commands.script(leaveScript, [names.stream(stream)], [group, ...consumers]).catch(goneWithGroup);
  }

  async touch(): Promise<void> {
    const { clock, settings, names, leases } = this.#deps;
    const now = clock.monotonic();
    const everyMs = Math.min(settings.claimIdleMs, settings.dedupWindowMs) / 3;
    for (const subscription of this.#subscriptions) {
      for (const [stream, deliveries] of subscription.inFlight) {
        const old = [...deliveries.values()].filter((delivery) => now - delivery.renewedAt >= everyMs && !delivery.isSettling);
        if (old.length === 0) continue;
        const keys = [names.stream(stream), ...old.flatMap(({ dedupDigest }) => (dedupDigest === undefined ? [] : [names.dedup(stream, dedupDigest)]))];
        const args = [subscription.group, this.#name, settings.dedupWindowMs, ...old.flatMap(({ msgId, deliveryCount }) => [msgId, deliveryCount])];
        const gone = await leases.script(touchScript, keys, args).catch(goneWithGroup);
        for (const delivery of old) {
          if (gone !== 'gone' && !(gone as string[]).includes(delivery.msgId)) delivery.renewedAt = now;
          else if (!delivery.isSettling && deliveries.get(delivery.msgId) === delivery) this.#lose(delivery);
        }
      }
    }
  }

  /** One read for those who keep track of messages themselves. */
  readOnce(streams: readonly string[], group: string, consumer: string, count: number, blockMs: number): Promise<GroupMessage[]> {
    return this.#singleReads.read(streams, group, consumer, count, blockMs);
  }

  /** A message was taken back from whoever holds it. */
  revoked(stream: string, msgId: string): void {
    for (const subscription of this.#subscriptions) {
      const delivery = subscription.inFlight.get(stream)?.get(msgId);
      if (delivery?.isSettling === false) this.#lose(delivery);
    }
  }

  /** Tells the process that holds the message. */
  announceRevoked(stream: string, msgId: string): void {
    this.revoked(stream, msgId);
    this.#returnedWork.announceRevoked(stream, msgId);
  }

  /** Something was given back: others are told when it is due at once, and we look for it when it is due. */
  returned(stream: string, group: string, delayMs: number): void {
    if (delayMs === 0) this.#returnedWork.announce(stream, group);
    else this.#parkedWork.add(stream, group, delayMs);
  }

  // ---

  async #reclaimReturned(stream: string, group: string): Promise<void> {
    const { dead, idle } = this.#reclaimer.owed(stream, group) ?? { dead: [], idle: false };
    if (this.#room(stream, group) === 0) {
      this.#reclaimer.owe(stream, group, { dead, idle, isSuspects: false });
      return;
    }
    try {
      await this.reclaim({ stream, group }, dead, this.#sweeper.live, { idle });
    } catch (error) {
      this.#reclaimer.owe(stream, group, { dead, idle, isSuspects: false });
      this.#deps.logger.debug({ stream, group, error: describeError(error) }, 'taking up returned work failed; the sweep tries again');
    }
  }

  #hand(stream: string, group: string, entry: Entry, deliveryCount: number, wanting?: HeldSubscription, history?: DeliveryHistory): void {
    if (!this.#filter.isOurs(stream, group, entry, deliveryCount)) return;
    // A server that has lost its newest writes gives again what it gave before: the delivery that it knows is the one that can be settled.
    const held = this.#heldDelivery(stream, group, entry.msgId);
    if (held?.deliveryCount === deliveryCount) return;
    if (held?.isSettling === false) this.#lose(held);
    const candidates = this.#subscriptionsOf(stream, group).filter(({ takesExhausted }) => takesExhausted || history?.isExhausted !== true);
    const subscription = (wanting?.free ?? 0) > 0 ? wanting : this.#choose(candidates);
    if (subscription === undefined) {
      // Subscriptions have stopped, or other work has filled them, while the read was under way; or several streams had something at once.
      void this.settlements.settle('release', { stream, group, msgId: entry.msgId, deliveryCount }, '', 0).catch(() => this.lostReply([stream], group));
      return;
    }
    const delivery = new HeldDelivery(subscription, stream, group, entry.msgId, entry.msgType, entry.payload ?? Buffer.alloc(0), deliveryCount, history);
    delivery.dedupDigest = entry.dedupDigest;
    // A message that has waited for long may be about to lose its deduplication id: that is kept from the next look on.
    delivery.renewedAt = entry.dedupDigest === undefined ? this.#deps.clock.monotonic() : Number.NEGATIVE_INFINITY;
    if (history?.isSuspect === true) this.#suspected = delivery;
    subscription.offer(delivery);
  }

  /** Takes turns among those who have room. */
  #choose(candidates: readonly HeldSubscription[]): HeldSubscription | undefined {
    this.#turn += 1;
    const free = candidates.filter((each) => each.free > 0);
    return free[this.#turn % free.length];
  }

  #room(stream: string, group: string): number {
    return this.#subscriptionsOf(stream, group).reduce((sum, { free }) => sum + Math.max(free, 0), 0);
  }

  #subscriptionsOf(stream: string, group: string): readonly HeldSubscription[] {
    return this.#readers.get(this.#readerKey(stream, group))?.subscriptionsOf(stream) ?? [];
  }

  get #holdsSuspect(): boolean {
    return this.#suspected !== undefined && this.#heldDelivery(this.#suspected.stream, this.#suspected.group, this.#suspected.msgId) === this.#suspected;
  }

  #heldDelivery(stream: string, group: string, msgId: string): HeldDelivery | undefined {
    for (const subscription of this.#subscriptions) {
      const delivery = subscription.group === group ? subscription.inFlight.get(stream)?.get(msgId) : undefined;
      if (delivery !== undefined) return delivery;
    }
    return undefined;
  }

  /** It is somebody else's, or is delivered anew. */
  #lose(delivery: HeldDelivery): void {
    const { stream, group, msgId } = delivery;
    this.#deps.notify({ type: 'bus.lease_lost', stream, group, msgId });
    delivery.lose();
  }

  #reader(stream: string, group: string): GroupReader {
    const key = this.#readerKey(stream, group);
    let reader = this.#readers.get(key);
    if (reader === undefined) {
      const { clock, random, settings, names, pool } = this.#deps;
      reader = new GroupReader({ clock, random, settings, names, host: this, connect: (name, prepare) => pool.open(name, prepare) }, group, this.#name);
      this.#readers.set(key, reader);
    }
    return reader;
  }

  /** One reader for all streams of a group; in a cluster one for each stream, because a command reaches one slot only. */
  #readerKey(stream: string, group: string): string {
    return this.#deps.settings.cluster === undefined ? group : `${group} ${stream}`;
  }

  async #leave(stream: string, group: string): Promise<void> {
    try {
      await this.#reclaimer.audit(stream, group, 0, (id) => this.#heldDelivery(stream, group, id) !== undefined);
      await this.remove({ stream, group }, [this.#name]);
    } catch (error) {
      this.#owesWork = true;
      this.#deps.logger.debug({ stream, group, error: describeError(error) }, 'leaving a group failed; its work is reclaimed when the lease runs out');
    }
  }
}
