import { backoffMs } from '@cortex-runtime/core';

import { Batcher } from '../batcher.ts';
import type { BusSettings } from '../config/index.ts';
import type { HeldDelivery, Settlements } from '../held-delivery.ts';
import type { BusNotice, NackOutcome } from '../message-bus.ts';
import type { RedisConnection } from './redis-connection.ts';
import { parkedDueMs, parkingConsumer, type RedisNames } from './redis-names.ts';
import { ackScript } from './scripts/ack.lua.ts';
import { settleScript } from './scripts/settle.lua.ts';

const errorMemoryMs = 7 * 86_400_000;

export interface SettlementHost {
  notify(notice: BusNotice): void;
  /** A message of the stream may be delivered again after `delayMs`. */
  returned(stream: string, group: string, delayMs: number): void;
}

/** Ends loans in Redis: acknowledgements in batches, the rest one by one. */
export class RedisSettlements implements Settlements {
  readonly #connection: RedisConnection;
  readonly #settings: BusSettings;
  readonly #names: RedisNames;
  readonly #consumer: string;
  readonly #host: SettlementHost;
  readonly #acks = new Map<string, Batcher<HeldDelivery, boolean>>();

  constructor(connection: RedisConnection, settings: BusSettings, names: RedisNames, consumer: string, host: SettlementHost) {
    this.#connection = connection;
    this.#settings = settings;
    this.#names = names;
    this.#consumer = consumer;
    this.#host = host;
  }

  ack(delivery: HeldDelivery): Promise<boolean> {
    const { stream, group } = delivery;
    const key = `${group} ${stream}`;
    let batcher = this.#acks.get(key);
    if (batcher === undefined) {
      batcher = new Batcher((deliveries) => this.#ackAll(stream, group, deliveries), { maxItems: 200, lanes: 2 });
      this.#acks.set(key, batcher);
    }
    return batcher.add(delivery);
  }

  async retry(delivery: HeldDelivery, error: string, delayMs?: number): Promise<NackOutcome | undefined> {
    const backoff = { baseMs: this.#settings.retryBackoffBaseMs, maxMs: this.#settings.retryBackoffMaxMs };
    const waitMs = delayMs ?? backoffMs(Math.max(delivery.deliveryCount, 1), backoff);
    return this.settle('retry', delivery, error, waitMs);
  }

  async deadLetter(delivery: HeldDelivery, error: string): Promise<boolean> {
    return (await this.settle('dead', delivery, error, 0)) !== undefined;
  }

  async release(delivery: HeldDelivery): Promise<boolean> {
    return (await this.settle('release', delivery, '', 0)) !== undefined;
  }

  /** @param of - without a delivery count: by id, whoever holds it */
  async settle(mode: 'retry' | 'dead' | 'release', of: { stream: string; group: string; msgId: string; deliveryCount?: number }, error: string, delayMs: number): Promise<NackOutcome | undefined> {
    const { stream, group, msgId, deliveryCount } = of;
    const keys = [this.#names.stream(stream), this.#names.errors(stream), this.#names.deadLetters(stream)];
    const holder = deliveryCount === undefined ? '' : this.#consumer;
    const waitMs = Math.min(Math.max(Math.ceil(delayMs), 0), parkedDueMs);
    const args = [mode, group, holder, msgId, deliveryCount ?? '', error.slice(0, 1_000), this.#settings.maxRetries + 1, parkingConsumer, parkedDueMs, waitMs, errorMemoryMs];
    const outcome = await this.#connection.persist(`give back ${msgId} of ${stream}`, async (attempt) => {
      const reply = String(await this.#connection.script(settleScript, keys, args).catch(goneWithGroup));
      // A repeat that finds the message settled found its own work.
      if (attempt > 1 && (reply === 'other' || reply === 'gone')) return mode === 'dead' ? 'dead' : 'retry';
      return reply;
    });
    switch (outcome) {
      case 'retry':
        this.#host.returned(stream, group, waitMs);
        return 'retry';
      case 'dead':
        this.#host.notify({ type: 'bus.dead_lettered', stream, group, msgId, error });
        return 'dead_letter';
      case 'lost':
        this.#host.notify({ type: 'bus.lost', stream, group, msgIds: [msgId] });
        return undefined;
      default:
        if (deliveryCount !== undefined) this.#host.notify({ type: 'bus.lease_lost', stream, group, msgId });
        return undefined;
    }
  }

  async #ackAll(stream: string, group: string, deliveries: HeldDelivery[]): Promise<boolean[]> {
    let [low, high] = [deliveries[0]?.msgId ?? '-', deliveries[0]?.msgId ?? '+'];
    const args: (string | number)[] = [];
    for (const { msgId, deliveryCount } of deliveries) {
      if (isLess(msgId, low)) low = msgId;
      if (isLess(high, msgId)) high = msgId;
      args.push(msgId, deliveryCount);
    }
    const keys = [this.#names.stream(stream), this.#names.errors(stream)];
    const replies = await this.#connection.persist(`acknowledge on ${stream}`, async (attempt) => {
      const replies = await this.#connection.script(ackScript, keys, [group, this.#consumer, low, high, ...args]).catch(goneWithGroup);
      if (!Array.isArray(replies)) return deliveries.map(() => false);
      return replies.map((reply) => reply === 1 || (attempt > 1 && reply === 2));
    });
    replies.forEach((isOurs, index) => {
      const msgId = deliveries[index]?.msgId;
      if (!isOurs && msgId !== undefined) this.#host.notify({ type: 'bus.lease_lost', stream, group, msgId });
    });
    return replies;
  }
}

/** Without its group, or its stream, nothing is pending. */
export function goneWithGroup(error: unknown): 'gone' {
  if (error instanceof Error && error.message.includes('NOGROUP')) return 'gone';
  throw error;
}

export function isLess(a: string, b: string): boolean {
  const [aMs = '0', aSeq = '0'] = a.split('-');
  const [bMs = '0', bSeq = '0'] = b.split('-');
  return Number(aMs) - Number(bMs) < 0 || (aMs === bMs && Number(aSeq) < Number(bSeq));
}
