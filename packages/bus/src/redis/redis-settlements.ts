import { backoffMs, Batcher } from '@cortex-runtime/core';

import type { HeldDelivery, Settlements } from '../held-delivery.ts';
import type { FollowUp, NackOutcome } from '../message-bus.ts';
import { Completions } from './completions.ts';
import { payloadText } from './entry-codec.ts';
import { idRange } from '../entry-id.ts';
import { Lanes } from './lanes.ts';
import { laneMemoryMs, parkedDueMs, parkingConsumer } from './redis-names.ts';
import { ackScript } from './scripts/ack.lua.ts';
import { revokeScript } from './scripts/revoke.lua.ts';
import { settleScript } from './scripts/settle.lua.ts';
import { errorMemoryMs, goneWithGroup, type SettlementDependencies, type Settling } from './settling.ts';

/** Ends loans in Redis: acknowledgements in batches, the rest one by one. */
export class RedisSettlements implements Settlements {
  readonly #deps: SettlementDependencies;
  readonly #consumer: string;
  readonly #busId: string;
  readonly #completions: Completions;
  readonly #acks = new Map<string, Batcher<HeldDelivery, boolean>>();
  readonly #singles = new Lanes();
  #works = 0;

  constructor(deps: SettlementDependencies, { name, busId }: { name: string; busId: string }) {
    this.#deps = deps;
    this.#consumer = name;
    this.#busId = busId;
    this.#completions = new Completions(deps, { name, busId });
  }

  ack(delivery: HeldDelivery, followUp: FollowUp | undefined): Promise<boolean> {
    if (followUp === undefined) return this.#ack(delivery);
    return this.#deps.settings.cluster === undefined ? this.#completions.add(delivery, followUp) : this.#completeInTurn(delivery, followUp);
  }

  async retry(delivery: HeldDelivery, error: string, delayMs: number | undefined, followUp: FollowUp | undefined): Promise<NackOutcome | undefined> {
    const { retryBackoffBaseMs: baseMs, retryBackoffMaxMs: maxMs } = this.#deps.settings;
    return this.settle('retry', delivery, error, delayMs ?? backoffMs(Math.max(delivery.deliveryCount, 1), { baseMs, maxMs }), followUp);
  }

  async deadLetter(delivery: HeldDelivery, error: string, followUp: FollowUp | undefined): Promise<boolean> {
    return (await this.settle('dead', delivery, error, 0, followUp)) !== undefined;
  }

  async release(delivery: HeldDelivery, delayMs: number): Promise<boolean> {
    return (await this.settle('release', delivery, '', delayMs)) !== undefined;
  }

  async settle(mode: 'retry' | 'dead' | 'release', of: Settling, error: string, delayMs: number, followUp?: FollowUp): Promise<NackOutcome | undefined> {
    const { settings, names, connection, host } = this.#deps;
    const { stream, group, msgId, deliveryCount } = of;
    const isLast = mode === 'dead' || (mode === 'retry' && deliveryCount !== undefined && deliveryCount > settings.maxRetries);
    // Two streams of a cluster need not share a slot: there the word comes first, once.
    const isTogether = settings.cluster === undefined;
    if (followUp !== undefined && isLast && !isTogether) await this.#completions.publishFirst(of, followUp);
    const waitMs = Math.min(Math.max(Math.ceil(delayMs), 0), parkedDueMs);
    const toPublish = isTogether ? followUp : undefined;
    const outcome = await this.#single(stream, `give back ${msgId} of ${stream}`, async (lane, number, attempt) => {
      const keys = [names.stream(stream), names.errors(stream), names.deadLetters(stream), lane, names.followUps(stream, msgId), ...(toPublish === undefined ? [] : [names.stream(toPublish.stream)])];
      const args: (string | number | Buffer)[] = [
        number, attempt, laneMemoryMs, mode, group, deliveryCount === undefined ? '' : this.#consumer, msgId, deliveryCount ?? '', error.slice(0, 1_000), settings.maxRetries + 1,
        parkingConsumer, parkedDueMs, waitMs, errorMemoryMs, ...(toPublish === undefined ? [] : [toPublish.msgType ?? 'task', payloadText(toPublish.payload), of.dedupDigest === undefined ? '' : settings.dedupWindowMs]),
      ];
      return String(await connection.script(settleScript, keys, args).catch(goneWithGroup));
    });
    switch (outcome) {
      case 'retry':
        host.returned(stream, group, waitMs);
        return 'retry';
      case 'dead':
        host.notify({ type: 'bus.dead_lettered', stream, group, msgId, error });
        return 'dead_letter';
      case 'lost':
        host.notify({ type: 'bus.lost', stream, group, msgIds: [msgId] });
        return undefined;
      default:
        if (deliveryCount !== undefined) host.refused(stream, group, msgId);
        return undefined;
    }
  }

  /** Takes a message back from every group. @returns whether some group had it to work on */
  async revoke({ stream, msgId, dedupDigest }: Pick<Settling, 'stream' | 'msgId' | 'dedupDigest'>, followUp: FollowUp | undefined): Promise<boolean> {
    const { names, connection, settings } = this.#deps;
    const reply = await this.#single(stream, `revoke ${msgId} of ${stream}`, async (lane, number, attempt) => {
      const keys = [names.stream(stream), names.errors(stream), names.followUps(stream, msgId), lane, ...(followUp === undefined ? [] : [names.stream(followUp.stream)])];
      const args = [number, attempt, laneMemoryMs, msgId, ...(followUp === undefined ? [] : [followUp.msgType ?? 'task', payloadText(followUp.payload), dedupDigest === undefined ? '' : settings.dedupWindowMs])];
      return String(await connection.script(revokeScript, keys, args));
    });
    return reply === '1';
  }

  /** One piece of work in a lane of its own, so that a repeat of it is known by its number. */
  #single(stream: string, operation: string, work: (lane: string, number: number, attempt: number) => Promise<string>): Promise<string> {
    const { names, connection } = this.#deps;
    const number = (this.#works += 1);
    return this.#singles.run((lane) => connection.persist(operation, (attempt) => work(names.settleLane(stream, this.#busId, `s${lane}`), number, attempt)));
  }

  async #completeInTurn(delivery: HeldDelivery, followUp: FollowUp): Promise<boolean> {
    await this.#completions.publishFirst(delivery, followUp);
    return this.#ack(delivery);
  }

  #ack(delivery: HeldDelivery): Promise<boolean> {
    const { stream, group } = delivery;
    const key = `${group} ${stream}`;
    let batcher = this.#acks.get(key);
    if (batcher === undefined) {
      const lanes = `a${this.#acks.size}`;
      batcher = new Batcher((deliveries, lane) => this.#ackAll(stream, group, deliveries, `${lanes}.${lane}`), { maxItems: 200, lanes: 2 });
      this.#acks.set(key, batcher);
    }
    return batcher.add(delivery);
  }

  async #ackAll(stream: string, group: string, deliveries: HeldDelivery[], lane: string): Promise<boolean[]> {
    const { names, connection, host } = this.#deps;
    const [low, high] = idRange(deliveries);
    const keys = [names.stream(stream), names.errors(stream), names.settleLane(stream, this.#busId, lane)];
    const number = (this.#works += 1);
    const args = [group, this.#consumer, low, high, ...deliveries.flatMap(({ msgId, deliveryCount }) => [msgId, deliveryCount])];
    return connection.persist(`acknowledge on ${stream}`, async (attempt) => {
      const reply = await connection.script(ackScript, keys, [number, attempt, laneMemoryMs, ...args]).catch(goneWithGroup);
      return deliveries.map(({ msgId }, index) => {
        const isOurs = reply !== 'gone' && (reply as string)[index] === '1';
        if (!isOurs) host.refused(stream, group, msgId);
        return isOurs;
      });
    });
  }
}
