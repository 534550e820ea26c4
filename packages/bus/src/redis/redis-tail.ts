import { describeError, jitteredBackoffMs, sleep, type Clock, type Logger, type Random } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import type { Envelope, Tail } from '../message-bus.ts';
import { decodeEntry } from './entry-codec.ts';
import type { RedisConnection, Reply } from './redis-connection.ts';
import type { RedisNames } from './redis-names.ts';

export interface TailDependencies {
  clock: Clock;
  random: Random;
  logger: Logger;
  settings: BusSettings;
  names: RedisNames;
  connection: RedisConnection;
}

type Watched = Envelope & { readonly stream: string };

/** Reads streams without a group, on a connection of its own, and goes on where it was after a lost one. */
export class RedisTail implements Tail {
  readonly #deps: TailDependencies;
  /** The id read last, by stream. */
  readonly #positions: Map<string, string>;
  readonly #waiting: Watched[] = [];
  #isStopped = false;

  private constructor(deps: TailDependencies, positions: Map<string, string>) {
    this.#deps = deps;
    this.#positions = positions;
  }

  /** Resolves when whatever is published from now on will be seen. */
  static async open(deps: TailDependencies, streams: readonly string[], after: string | undefined): Promise<RedisTail> {
    const positions = new Map<string, string>();
    for (const stream of streams) positions.set(stream, after ?? (await lastId(deps, stream)));
    return new RedisTail(deps, positions);
  }

  async next(): Promise<IteratorResult<Watched, undefined>> {
    let failures = 0;
    while (!this.#isStopped) {
      const found = this.#waiting.shift();
      if (found !== undefined) return { done: false, value: found };
      try {
        await this.#read();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#deps.logger.debug({ error: describeError(error) }, 'watching streams failed; it is tried again');
        if (!this.#isStopped) await sleep(this.#deps.clock, jitteredBackoffMs(failures, { baseMs: 50, maxMs: 2_000 }, this.#deps.random)).catch(() => {});
      }
    }
    return { done: true, value: undefined };
  }

  async #read(): Promise<void> {
    const { names, settings, connection } = this.#deps;
    const streams = [...this.#positions.keys()];
    const command = ['XREAD', 'COUNT', 500, 'BLOCK', settings.blockMs, 'STREAMS', ...streams.map((stream) => names.stream(stream)), ...this.#positions.values()];
    const reply = await connection.command(command, { asBuffer: true, timeoutMs: Math.min(settings.blockMs * 2, settings.readWatchdogMs) });
    if (!Array.isArray(reply)) return;
    for (const [key, entries] of reply as [Buffer, [Buffer, Reply][]][]) {
      const stream = streams.find((each) => names.stream(each) === key.toString());
      if (stream === undefined) continue;
      for (const [id, fields] of entries) {
        const entry = decodeEntry(id, fields);
        this.#positions.set(stream, id.toString());
        if (entry?.payload !== undefined) this.#waiting.push({ stream, msgId: entry.msgId, msgType: entry.msgType, payload: entry.payload, resumed: false });
      }
    }
  }

  async return(): Promise<IteratorResult<Watched, undefined>> {
    await this.stop();
    return { done: true, value: undefined };
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#deps.connection.close();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function lastId({ connection, names }: TailDependencies, stream: string): Promise<string> {
  const reply = (await connection.persist(`find the end of ${stream}`, () => connection.command(['XREVRANGE', names.stream(stream), '+', '-', 'COUNT', 1]))) as [string, Reply][];
  return reply[0]?.[0] ?? '0-0';
}
