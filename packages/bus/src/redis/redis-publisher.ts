import { hash } from 'node:crypto';

import { Batcher, type Clock } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { BusConflictError, BusFullError } from '../errors.ts';
import type { NewMessage, PublishOptions, RestoredMessage } from '../message-bus.ts';
import { assertPublishOptions } from '../publish-options.ts';
import { runOrThrow } from './confirm.ts';
import { payloadText } from './entry-codec.ts';
import { Lanes } from './lanes.ts';
import { asFull, isFull, type RedisConnection } from './redis-connection.ts';
import { followUpsOfMs, laneMemoryMs, type RedisNames } from './redis-names.ts';
import { publishScript } from './scripts/publish.lua.ts';
import { restoreScript } from './scripts/restore.lua.ts';

interface Outgoing {
  payload: string | Buffer;
  msgType: string;
  dedupId: string;
  maxLength: number;
  trimsUnread: boolean;
}

/** What a lane published last, and when it was acknowledged, monotonic. */
interface LastBatch {
  number: string;
  at: number;
}

/** Publishes in batches, one script call each. A batch that is repeated after a lost reply carries its number, so that the server knows it. */
export class RedisPublisher {
  readonly #connection: RedisConnection;
  readonly #settings: BusSettings;
  readonly #names: RedisNames;
  readonly #busId: string;
  readonly #clock: Clock;
  readonly #onForgotten: (stream: string) => void;
  readonly #batchers = new Map<string, { batcher: Batcher<Outgoing, string>; last: LastBatch[] }>();
  #batches = 0;
  readonly #restores = new Lanes();

  /** @param onForgotten - told when the server no longer knows what it had acknowledged */
  constructor(connection: RedisConnection, settings: BusSettings, names: RedisNames, busId: string, clock: Clock, onForgotten: (stream: string) => void) {
    this.#connection = connection;
    this.#settings = settings;
    this.#names = names;
    this.#busId = busId;
    this.#clock = clock;
    this.#onForgotten = onForgotten;
  }

  /** @throws InvalidInputError at once, the rest by the promise */
  publish(stream: string, payload: Uint8Array | string, options: PublishOptions): Promise<string> {
    assertPublishOptions(options);
    return this.#batcher(stream).add(this.#outgoing(payload, options));
  }

  /** @returns of each its id, or why it has none */
  publishAll(stream: string, messages: readonly NewMessage[]): Promise<(string | Error)[]> {
    return this.#batcher(stream).addAll(messages.map((message) => this.#outgoing(message.payload, message)));
  }

  #outgoing(payload: Uint8Array | string, options: PublishOptions): Outgoing {
    return {
      payload: payloadText(payload),
      msgType: options.msgType ?? 'task',
      dedupId: options.dedupId ?? '',
      maxLength: options.maxLength ?? this.#settings.maxLength,
      trimsUnread: options.whileUnread === 'trim',
    };
  }

  /** What the script says of a message: its id, or why it has none. */
  #answered(stream: string, dedupId: string, reply: string): string | Error {
    switch (reply[0]) {
      case '=':
        return reply.slice(1);
      case '!':
        return new BusConflictError(stream, dedupId, reply.slice(1));
      case '~':
        return new BusFullError(stream, `${this.#settings.maxBacklog} messages are not acknowledged yet`);
      default:
        return reply;
    }
  }

  async restore(stream: string, dedupId: string, payload: Uint8Array | string, options: { msgType?: string }): Promise<RestoredMessage> {
    assertPublishOptions({ dedupId, ...options });
    const digest = dedupDigestOf(dedupId);
    const { msgType = 'task' } = options;
    const content = payloadText(payload);
    const given = [msgType, content, digest, contentDigestOf(msgType, content), this.#settings.dedupWindowMs, this.#names.followUpsPrefix(stream), followUpsOfMs];
    const number = (this.#batches += 1);
    try {
      return await this.#restores.run((lane) => {
        const keys = [this.#names.stream(stream), this.#names.dedup(stream, digest), this.#names.lane(stream, this.#busId, `r${lane}`)];
        return this.#connection.persist(`restore on ${stream}`, async (attempt) => {
          const [word, msgId = ''] = (await runOrThrow(this.#connection, this.#settings, stream, restoreScript, keys, [number, attempt, laneMemoryMs, ...given])) as string[];
          if (word === 'conflict') throw new BusConflictError(stream, dedupId, msgId);
          return { msgId, outcome: word as RestoredMessage['outcome'] };
        });
      });
    } catch (error) {
      throw asFull(stream, error);
    }
  }

  #batcher(stream: string): Batcher<Outgoing, string> {
    let known = this.#batchers.get(stream);
    if (known === undefined) {
      const weigh = ({ payload, msgType, dedupId }: Outgoing) => payload.length + msgType.length + dedupId.length;
      const last: LastBatch[] = [];
      known = { batcher: new Batcher((items, lane) => this.#send(stream, items, lane, last), { maxItems: 100, maxWeight: 512 * 1024, weigh, lanes: 4 }), last };
      this.#batchers.set(stream, known);
      if (this.#batchers.size > 1_000) this.#forgetIdle(stream);
    }
    return known.batcher;
  }

  async #send(stream: string, items: Outgoing[], lane: number, last: LastBatch[]): Promise<(string | Error)[]> {
    const number = String((this.#batches += 1));
    const before = last[lane];
    delete last[lane]; // whether this one arrives is not known until it is acknowledged
    const isRemembered = before !== undefined && this.#clock.monotonic() - before.at < laneMemoryMs / 2;
    const keys = [this.#names.stream(stream), this.#names.lane(stream, this.#busId, lane)];
    const args: (string | number | Buffer)[] = [];
    let maxLength = 0;
    let trimsUnread = true;
    for (const { payload, msgType, dedupId, maxLength: keep, trimsUnread: mayTrim } of items) {
      if (keep > maxLength) maxLength = keep;
      trimsUnread &&= mayTrim;
      if (dedupId === '') args.push(msgType, payload, '', '');
      else {
        const id = dedupDigestOf(dedupId);
        keys.push(this.#names.dedup(stream, id));
        args.push(msgType, payload, id, contentDigestOf(msgType, payload));
      }
    }
    const { maxBacklog, dedupWindowMs } = this.#settings;
    try {
      const head = [maxLength, maxBacklog, dedupWindowMs, laneMemoryMs, trimsUnread ? '1' : '', isRemembered ? before.number : ''];
      const publish = () => this.#connection.persist(`publish to ${stream}`, async (attempt) => (await runOrThrow(this.#connection, this.#settings, stream, publishScript, keys, [number, attempt, ...head, ...args])) as string);
      const words = await publish().catch((error: unknown) => {
        if (!isFull(error)) throw error;
        return publish(); // what was refused has made room, where there was any to make
      });
      const [hasForgotten, ...replies] = words.split(' ');
      last[lane] = { number, at: this.#clock.monotonic() };
      if (hasForgotten === '1') this.#onForgotten(stream);
      return replies.map((reply, index) => this.#answered(stream, items[index]?.dedupId ?? '', reply));
    } catch (error) {
      throw asFull(stream, error);
    }
  }

  /** A process that publishes to a stream per thread must not keep a batcher for each. */
  #forgetIdle(except: string): void {
    for (const [stream, { batcher }] of this.#batchers) {
      if (stream !== except && batcher.isIdle) this.#batchers.delete(stream);
    }
  }
}

/** Under what a deduplication id is kept: ids are long, and there is a key for each message. */
export function dedupDigestOf(dedupId: string): string {
  return digestOf(dedupId, 16);
}

/** Tells one content under a deduplication id from another. */
function contentDigestOf(msgType: string, payload: string | Buffer): string {
  return digestOf(typeof payload === 'string' ? `${msgType}\0${payload}` : Buffer.concat([Buffer.from(`${msgType}\0`), payload]), 12);
}

/** `length` characters of 6 bits. */
function digestOf(content: string | Buffer, length: number): string {
  return hash('sha256', content, 'base64url').slice(0, length);
}
