import { InvalidInputError } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import type { GroupMessage } from '../message-bus.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { decodeEntry, type Entry } from './entry-codec.ts';
import { EntryFilter, type EntryFilterDependencies } from './entry-filter.ts';
import type { Reclaimer } from './reclaimer.ts';
import type { RedisConnection, Reply } from './redis-connection.ts';

export interface SingleReadsDependencies extends EntryFilterDependencies {
  settings: BusSettings;
  pool: ConnectionPool;
  reclaimer: Reclaimer;
  host: { ensureGroup(stream: string, group: string): Promise<boolean>; remakeGroup(stream: string, group: string): Promise<boolean>; reset(streams: readonly string[], group: string): void };
}

/** Reads for those who keep track of messages themselves: first what was abandoned, then what is new. */
export class SingleReads {
  readonly #deps: SingleReadsDependencies;
  readonly #filter: EntryFilter;
  /** Groups that were there when somebody last looked. */
  readonly #knownGroups = new Set<string>();

  constructor(deps: SingleReadsDependencies) {
    this.#deps = deps;
    this.#filter = new EntryFilter(deps, { isLeased: false });
  }

  async read(streams: readonly string[], group: string, consumer: string, count: number, blockMs: number): Promise<GroupMessage[]> {
    for (const stream of streams) {
      const route = `${group} ${stream}`;
      if (this.#knownGroups.has(route)) continue;
      await this.#deps.host.ensureGroup(stream, group);
      this.#knownGroups.add(route);
    }
    try {
      return await this.#readNow(streams, group, consumer, count, blockMs);
    } catch (error) {
      if (!(error instanceof Error && /NOGROUP|UNBLOCKED/.test(error.message))) throw error;
      const made = await Promise.all(streams.map((stream) => this.#deps.host.remakeGroup(stream, group)));
      this.#deps.host.reset(streams.filter((_, index) => made[index]), group);
      return this.#readNow(streams, group, consumer, count, blockMs);
    }
  }

  async #readNow(streams: readonly string[], group: string, consumer: string, count: number, blockMs: number): Promise<GroupMessage[]> {
    const { commands, pool, settings, names, reclaimer, settlements } = this.#deps;
    const messages: GroupMessage[] = [];
    const collect = (stream: string) => (entry: Entry, deliveryCount: number) => {
      if (this.#filter.isOurs(stream, group, entry, deliveryCount)) messages.push(messageOf(stream, group, entry, deliveryCount));
    };
    for (const stream of streams) {
      await reclaimer.reclaim({ stream, group, dead: [], live: [], idle: true, room: () => count - messages.length, take: collect(stream), consumer });
    }
    const read = async (connection: RedisConnection, some: readonly string[], perStream: number, wait: readonly (string | number)[]) => {
      const command = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', perStream, ...wait, 'STREAMS', ...some.map((stream) => names.stream(stream)), ...some.map(() => '>')];
      const reply = await connection.command(command, { asBuffer: true, timeoutMs: settings.socketTimeoutMs + blockMs });
      if (!Array.isArray(reply)) return;
      for (const [key, entries] of reply as [Buffer, [Reply, Reply][]][]) {
        const stream = some.find((each) => names.stream(each) === key.toString());
        for (const [id, fields] of stream === undefined ? [] : entries) {
          const entry = decodeEntry(id, fields);
          if (stream !== undefined && entry !== undefined) collect(stream)(entry, 1);
        }
      }
    };
    // COUNT is for each stream: one after the other, so that no more come than were asked for.
    for (const stream of streams) if (messages.length < count) await read(commands, [stream], count - messages.length, []);
    if (messages.length > 0 || blockMs <= 0) return messages;
    if (settings.cluster !== undefined && streams.length > 1) throw new InvalidInputError('streams', 'a read of a cluster can wait for one stream at a time; subscribe to several');
    await pool.borrow((connection) => read(connection, streams, Math.max(1, Math.floor(count / streams.length)), ['BLOCK', Math.ceil(blockMs)]));
    const tooMany = messages.splice(count);
    await Promise.all(tooMany.map(({ stream, msgId }) => settlements.settle('release', { stream, group, msgId }, '', 0)));
    return messages;
  }
}

function messageOf(stream: string, group: string, entry: Entry, deliveryCount: number): GroupMessage {
  return { stream, group, msgId: entry.msgId, msgType: entry.msgType, payload: entry.payload ?? Buffer.alloc(0), deliveryCount, resumed: deliveryCount > 1 };
}
