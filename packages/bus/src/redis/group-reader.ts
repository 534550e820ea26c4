import { describeError, jitteredBackoffMs, sleep, type Clock, type Random } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { BusError } from '../errors.ts';
import type { HeldSubscription } from '../held-subscription.ts';
import { Interest, type Look } from './reading-plan.ts';
import { isPassing, type RedisConnection, type Reply } from './redis-connection.ts';
import type { RedisNames } from './redis-names.ts';
import { takeScript } from './scripts/take.lua.ts';

export interface ReaderHost {
  /** Entries that were assigned to this consumer; `subscription`: in whose name they were asked for, if for one. */
  arrived(stream: string, group: string, entries: readonly Reply[], subscription: HeldSubscription | undefined): void;
  /** Makes the group where it is missing. @returns whether it was */
  ensureGroup(stream: string, group: string): Promise<boolean>;
  /** The same of a group that was there. */
  remakeGroup(stream: string, group: string): Promise<boolean>;
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

/** While there is work for some, the streams of the others are looked at this often, and a little less often the more streams there are. */
const lookEverywhereMs = 5;
const lookEverywhereMsPerStream = 0.1;
/** So that one script is over before others have to wait. */
const streamsInOneScript = 100;

/**
 * Reads new messages of one group for all subscriptions of the process, on a connection of its own.
 *
 * As long as there is work, each look takes exactly as many messages as there are places, of the streams in their order. When there is none, one command waits on all
 * streams, however many there are.
 *
 * States: idle (no subscription has room) ⇄ looking ⇄ waiting; `stop` ends it.
 */
export class GroupReader {
  readonly group: string;
  readonly #deps: ReaderDependencies;
  readonly #connection: RedisConnection;
  readonly #consumer: string;
  readonly #interests = new Map<HeldSubscription, Interest>();
  readonly #routes = new Map<string, HeldSubscription[]>();
  readonly #known = new Set<string>();
  /** The stream by its key. */
  readonly #streams = new Map<string, string>();
  #blockedOn: ReadonlySet<string> | undefined;
  #callingBack: ReadonlySet<string> | undefined;
  #isStale = false;
  /** When the read that is under way was sent, monotonic. */
  #readingSince: number | undefined;
  #wake: (() => void) | undefined;
  #clientId = 0;
  /** Monotonic. */
  #lookEverywhereAt = 0;
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

  /**
   * Whether a read has been under way for so long: what the server has assigned in it may then not be known yet, however old it is. A waiting one is called back, so that it is
   * soon over.
   */
  isReadingFor(ms: number): boolean {
    if (this.#readingSince === undefined || this.#deps.clock.monotonic() - this.#readingSince < ms) return false;
    if (this.#blockedOn !== undefined && this.#deps.settings.cluster === undefined) void this.#callBack(this.#blockedOn);
    return true;
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
    const interest = this.#interests.get(subscription) ?? new Interest(subscription);
    interest.add(stream);
    this.#interests.set(subscription, interest);
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
    this.#interests.delete(subscription);
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
      const roomy: Interest[] = [];
      for (const interest of this.#interests.values()) {
        if (interest.places > 0) roomy.push(interest);
        else interest.leave();
      }
      if (roomy.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
        continue;
      }
      this.#lookEverywhere(roomy);
      const streams = [...new Set(roomy.flatMap((interest) => [...interest.streams]))];
      try {
        await this.#ensureGroups(streams);
        const looks = roomy.flatMap((interest) => interest.look() ?? []);
        this.#readingSince = this.#deps.clock.monotonic();
        if (looks.length > 0) await this.#look(looks);
        // Something has changed since the looks were planned: waiting could leave a stream unread for as long as it lasts.
        else if (!this.#isStale) await this.#wait(roomy, streams);
        this.#readingSince = undefined;
        failures = 0;
      } catch (error) {
        this.#readingSince = undefined;
        if (this.#isStopped) return;
        failures += 1;
        for (const interest of this.#interests.values()) interest.warmAll();
        await this.#recover(error, streams, failures);
      }
    }
  }

  #lookEverywhere(roomy: readonly Interest[]): void {
    if (this.#deps.clock.monotonic() < this.#lookEverywhereAt) return;
    this.#lookEverywhereAt = this.#nextLookEverywhere();
    for (const interest of roomy) interest.warmAll();
  }

  async #ensureGroups(streams: readonly string[]): Promise<void> {
    const unknown = streams.filter((stream) => !this.#known.has(stream));
    if (unknown.length === 0) return;
    await Promise.all(unknown.map((stream) => this.#deps.host.ensureGroup(stream, this.group)));
    for (const stream of unknown) this.#known.add(stream);
  }

  /** Takes what there is: by plain reads where one stream gets nearly all places, as the server then writes entries straight to the connection; else by a script that keeps count. */
  async #look(looks: readonly Look[]): Promise<void> {
    const several = looks.filter(({ streams, main }) => streams.length > 1 && main === undefined);
    const single = looks.filter(({ streams, main }) => streams.length === 1 || main !== undefined);
    const chunks: Look[][] = [];
    for (const look of several) {
      const last = chunks.at(-1);
      if (last === undefined || last.reduce((sum, { streams }) => sum + streams.length, 0) + look.streams.length > streamsInOneScript) chunks.push([look]);
      else last.push(look);
    }
    await Promise.all([...single.map((look) => this.#lookPlainly(look)), ...chunks.map((chunk) => this.#lookAtSeveral(chunk))]);
  }

  async #lookPlainly({ subscription, streams, places, main = streams[0] ?? '' }: Look): Promise<void> {
    const others = streams.filter((stream) => stream !== main);
    const ofMain = this.#read(subscription, [main], places - others.length);
    if (others.length === 0) return ofMain;
    // What one of the reads brings is taken, whatever becomes of the other.
    const refused = (await Promise.allSettled([ofMain, this.#read(subscription, others, 1)])).find(({ status }) => status === 'rejected');
    if (refused !== undefined) throw (refused as PromiseRejectedResult).reason;
  }

  /** Reads up to `count` messages of each stream. */
  async #read(subscription: HeldSubscription, streams: readonly string[], count: number): Promise<void> {
    const { names, settings } = this.#deps;
    const keys = streams.map((stream) => names.stream(stream));
    const command = ['XREADGROUP', 'GROUP', this.group, this.#consumer, 'COUNT', count, 'STREAMS', ...keys, ...keys.map(() => '>')];
    const reply = (await this.#connection.command(command, { timeoutMs: settings.socketTimeoutMs, asBuffer: true })) as [Buffer, Reply[]][] | null;
    const entries = new Map((reply ?? []).map(([key, found]) => [this.#streams.get(key.toString()), found]));
    for (const stream of streams) this.#took(subscription, stream, entries.get(stream) ?? [], count);
  }

  async #lookAtSeveral(looks: readonly Look[]): Promise<void> {
    const { names } = this.#deps;
    const keys = looks.flatMap(({ streams }) => streams.map((stream) => names.stream(stream)));
    const args = [this.group, this.#consumer, ...looks.flatMap(({ streams, places }) => [streams.length, places])];
    const replies = (await this.#connection.script(takeScript, keys, args, { asBuffer: true })) as (Reply[] | Buffer | null)[];
    let at = 0;
    let refusal: string | undefined;
    for (const { subscription, streams, places } of looks) {
      let left = places;
      for (const stream of streams) {
        const entries = replies[at];
        at += 1;
        if (Buffer.isBuffer(entries)) refusal = entries.toString();
        if (!Array.isArray(entries)) continue;
        this.#took(subscription, stream, entries, left);
        left -= entries.length;
      }
    }
    if (refusal !== undefined) throw new BusError(refusal);
  }

  #took(subscription: HeldSubscription, stream: string, entries: readonly Reply[], asked: number): void {
    this.#interests.get(subscription)?.found(stream, entries.length, asked);
    if (entries.length > 0) this.#deps.host.arrived(stream, this.group, entries, subscription);
  }

  /** Waits for the first message of any stream. What comes to several at once may be more than there is room for; the host gives that back. */
  async #wait(roomy: readonly Interest[], streams: readonly string[]): Promise<void> {
    const { names, settings } = this.#deps;
    const count = Math.max(1, Math.min(...roomy.map(({ places, streams: { size } }) => Math.floor(places / size))));
    const keys = streams.map((stream) => names.stream(stream));
    const command = ['XREADGROUP', 'GROUP', this.group, this.#consumer, 'COUNT', count, 'BLOCK', settings.blockMs, 'STREAMS', ...keys, ...keys.map(() => '>')];
    this.#blockedOn = new Set(streams);
    try {
      const reply = await this.#connection.command(command, { timeoutMs: Math.min(settings.blockMs * 2, settings.readWatchdogMs), asBuffer: true });
      if (!Array.isArray(reply)) return;
      for (const [key, entries] of reply as [Buffer, Reply[]][]) {
        const stream = this.#streams.get(key.toString());
        if (stream === undefined) continue;
        if (entries.length >= count) for (const subscription of this.subscriptionsOf(stream)) this.#interests.get(subscription)?.warm(stream);
        this.#deps.host.arrived(stream, this.group, entries, undefined);
      }
    } finally {
      this.#blockedOn = undefined;
      this.#lookEverywhereAt = this.#nextLookEverywhere();
    }
  }

  #nextLookEverywhere(): number {
    return this.#deps.clock.monotonic() + lookEverywhereMs + lookEverywhereMsPerStream * this.#routes.size;
  }

  async #recover(error: unknown, streams: readonly string[], failures: number): Promise<void> {
    const { host, clock, random } = this.#deps;
    const message = describeError(error);
    if (/NOGROUP|UNBLOCKED/.test(message)) {
      // FLUSHALL, a deleted stream, a fail-over to a replica that had nothing.
      const made = await Promise.all(streams.map((stream) => host.remakeGroup(stream, this.group).catch(() => false)));
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
