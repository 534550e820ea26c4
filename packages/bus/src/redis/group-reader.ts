import { describeError, jitteredBackoffMs, sleep, type Clock, type Random } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import type { HeldSubscription } from '../held-subscription.ts';
import { planReads } from './read-plan.ts';
import { isPassing, type RedisConnection, type Reply } from './redis-connection.ts';
import type { RedisNames } from './redis-names.ts';

export interface ReaderHost {
  /** Entries that were assigned to this consumer. */
  arrived(stream: string, group: string, entries: readonly Reply[]): void;
  /** Makes the group where it is missing. @returns whether it was */
  ensureGroup(stream: string, group: string): Promise<boolean>;
  /** Groups had vanished, and were made again. */
  reset(streams: readonly string[], group: string): void;
  /** A reply may have been lost, and with it messages that the server has assigned. */
  lostReply(streams: readonly string[], group: string): void;
  failed(group: string, error: unknown): void;
  /** Ends the blocked read of the client with this id. */
  unblock(clientId: number): Promise<void>;
}

export interface ReaderDependencies {
  clock: Clock;
  random: Random;
  settings: BusSettings;
  names: RedisNames;
  host: ReaderHost;
  connect(name: string, prepare: (run: (args: readonly (string | number)[]) => Promise<Reply>) => Promise<void>): RedisConnection;
}

/**
 * Reads new messages of one group for all subscriptions of the process, on a connection of its own, with one blocked command however many streams there are.
 *
 * States: idle (no subscription has room) ⇄ reading; `stop` ends it.
 */
export class GroupReader {
  readonly group: string;
  readonly #deps: ReaderDependencies;
  readonly #connection: RedisConnection;
  readonly #consumer: string;
  readonly #routes = new Map<string, HeldSubscription[]>();
  readonly #known = new Set<string>();
  /** The stream by its key. */
  readonly #streams = new Map<string, string>();
  #blockedOn: ReadonlySet<string> | undefined;
  #callingBack: ReadonlySet<string> | undefined;
  #isStale = false;
  #wake: (() => void) | undefined;
  #clientId = 0;
  #hasSeenNothing = false;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(deps: ReaderDependencies, group: string, consumer: string) {
    this.#deps = deps;
    this.group = group;
    this.#consumer = consumer;
    this.#connection = deps.connect(`reader of ${group}`, async (run) => {
      this.#clientId = deps.settings.cluster === undefined ? Number(await run(['CLIENT', 'ID'])) : 0;
    });
  }

  get isUnused(): boolean {
    return this.#routes.size === 0;
  }

  subscriptionsOf(stream: string): readonly HeldSubscription[] {
    return this.#routes.get(stream) ?? [];
  }

  get streams(): IterableIterator<string> {
    return this.#routes.keys();
  }

  add(stream: string, subscription: HeldSubscription): void {
    this.#routes.set(stream, [...(this.#routes.get(stream) ?? []), subscription]);
    this.#streams.set(this.#deps.names.stream(stream), stream);
    this.#running ??= this.#run();
    this.wanted([stream]);
  }

  /** The blocked read, if any, still names the stream until it comes back; what it brings then has no taker, and the host gives it back. */
  remove(stream: string, subscription: HeldSubscription): void {
    const left = (this.#routes.get(stream) ?? []).filter((each) => each !== subscription);
    if (left.length > 0) this.#routes.set(stream, left);
    else {
      this.#routes.delete(stream);
      this.#known.delete(stream);
    }
  }

  /** There is room for messages of these streams. A blocked read that does not name them all is called back. */
  wanted(streams: readonly string[]): void {
    this.#wake?.();
    const blockedOn = this.#blockedOn;
    if (blockedOn === undefined) this.#isStale = true;
    else if (!streams.every((stream) => blockedOn.has(stream))) void this.#callBack(blockedOn);
  }

  async #callBack(blockedOn: ReadonlySet<string>): Promise<void> {
    if (this.#callingBack === blockedOn) return;
    this.#callingBack = blockedOn;
    // The read may still be on its way to the server, or the connection be new: it is called until it has come back.
    while (this.#blockedOn === blockedOn) {
      if (this.#clientId !== 0) await this.#deps.host.unblock(this.#clientId).catch(() => {});
      if (this.#blockedOn === blockedOn) await sleep(this.#deps.clock, 2);
    }
  }

  /** Lets the current read come back, so that what the server has just assigned is known and can be given back; a read that does not come back in a second is cut off. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    const blockedOn = this.#blockedOn;
    if (this.#deps.settings.cluster !== undefined) this.#connection.close();
    else if (blockedOn !== undefined) void this.#callBack(blockedOn);
    const patience = new AbortController();
    await Promise.race([this.#running, sleep(this.#deps.clock, 1_000, patience.signal).catch(() => {})]);
    patience.abort();
    this.#connection.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isStopped) {
      this.#isStale = false;
      const { reads } = planReads(this.#routes);
      if (reads.size === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
        continue;
      }
      const streams = [...reads.values()].flat();
      try {
        await this.#ensureGroups(streams);
        const found = await this.#read(reads, streams);
        failures = 0;
        this.#hasSeenNothing = !found;
      } catch (error) {
        if (this.#isStopped) return;
        failures += 1;
        await this.#recover(error, streams, failures);
      }
    }
  }

  async #ensureGroups(streams: readonly string[]): Promise<void> {
    const unknown = streams.filter((stream) => !this.#known.has(stream));
    if (unknown.length === 0) return;
    await Promise.all(unknown.map((stream) => this.#deps.host.ensureGroup(stream, this.group)));
    for (const stream of unknown) this.#known.add(stream);
  }

  /** Gives whether anything came. Several reads do not block; only when they bring nothing is one made that does. */
  async #read(reads: ReadonlyMap<number, readonly string[]>, streams: readonly string[]): Promise<boolean> {
    if (reads.size > 1 && !this.#hasSeenNothing) {
      const replies = await Promise.all([...reads].map(([count, some]) => this.#send(some, count)));
      return replies.some(Boolean);
    }
    // Something has changed since the plan was made: blocking on it could leave a stream unread for as long as it blocks.
    if (this.#isStale) return true;
    this.#blockedOn = new Set(streams);
    try {
      return await this.#send(streams, Math.min(...reads.keys()), this.#deps.settings.blockMs);
    } finally {
      this.#blockedOn = undefined;
    }
  }

  async #send(streams: readonly string[], count: number, blockMs?: number): Promise<boolean> {
    const { names, settings } = this.#deps;
    const block = blockMs === undefined ? [] : ['BLOCK', blockMs];
    const timeoutMs = blockMs === undefined ? settings.socketTimeoutMs : Math.min(blockMs * 2, settings.readWatchdogMs);
    const command = ['XREADGROUP', 'GROUP', this.group, this.#consumer, 'COUNT', count, ...block, 'STREAMS', ...streams.map((stream) => names.stream(stream)), ...streams.map(() => '>')];
    const reply = await this.#connection.command(command, { timeoutMs, asBuffer: true });
    if (!Array.isArray(reply)) return false;
    for (const [key, entries] of reply as [Buffer, Reply[]][]) {
      const stream = this.#streams.get(key.toString());
      if (stream !== undefined && entries.length > 0) this.#deps.host.arrived(stream, this.group, entries);
    }
    return reply.length > 0;
  }

  async #recover(error: unknown, streams: readonly string[], failures: number): Promise<void> {
    const { host, clock, random } = this.#deps;
    const message = describeError(error);
    if (/NOGROUP|UNBLOCKED/.test(message)) {
      // FLUSHALL, a deleted stream, a fail-over to a replica that had nothing.
      const made = await Promise.all(streams.map((stream) => host.ensureGroup(stream, this.group).catch(() => false)));
      const reset = streams.filter((_, index) => made[index]);
      if (reset.length > 0) {
        host.reset(reset, this.group);
        return;
      }
    } else if (isPassing(error)) {
      host.lostReply(streams, this.group);
    } else {
      host.failed(this.group, error);
    }
    await sleep(clock, jitteredBackoffMs(failures, { baseMs: 50, maxMs: 2_000 }, random)).catch(() => {});
  }
}
