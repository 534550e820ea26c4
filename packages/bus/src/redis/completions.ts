import { Batcher } from '@cortex-runtime/core';

import { BusConflictError, BusFullError } from '../errors.ts';
import type { HeldDelivery } from '../held-delivery.ts';
import type { FollowUp } from '../message-bus.ts';
import { runConfirmed } from './confirm.ts';
import { payloadText } from './entry-codec.ts';
import { idRange } from '../entry-id.ts';
import { asFull } from './redis-connection.ts';
import { laneMemoryMs } from './redis-names.ts';
import { completeScript } from './scripts/complete.lua.ts';
import { followScript } from './scripts/follow.lua.ts';
import { goneWithGroup, type SettlementDependencies, type Settling } from './settling.ts';

interface Completion {
  delivery: HeldDelivery;
  followUp: FollowUp;
}

/** Acknowledges messages with a follow-up each, in batches by the two streams. */
export class Completions {
  readonly #deps: SettlementDependencies;
  readonly #consumer: string;
  readonly #busId: string;
  readonly #batchers = new Map<string, Batcher<Completion, boolean>>();
  #batches = 0;

  constructor(deps: SettlementDependencies, { name, busId }: { name: string; busId: string }) {
    this.#deps = deps;
    this.#consumer = name;
    this.#busId = busId;
  }

  /**
   * @returns whether the message was still this delivery's to settle
   * @throws BusFullError when the stream of the follow-up is full: nothing was done
   */
  add(delivery: HeldDelivery, followUp: FollowUp): Promise<boolean> {
    const key = `${delivery.group} ${delivery.stream} ${followUp.stream}`;
    let batcher = this.#batchers.get(key);
    if (batcher === undefined) {
      const weigh = ({ followUp: { payload, msgType = '' } }: Completion) => payload.length + msgType.length;
      const lanes = `c${this.#batchers.size}`;
      batcher = new Batcher((items, lane) => this.#completeAll(items, `${lanes}.${lane}`), { maxItems: 100, maxWeight: 512 * 1024, weigh, lanes: 2 });
      this.#batchers.set(key, batcher);
    }
    return batcher.add({ delivery, followUp });
  }

  /** For where one step is not possible: publishes a follow-up that at most one holder of the message publishes. */
  async publishFirst({ stream, group, msgId, dedupDigest }: Settling, followUp: FollowUp): Promise<void> {
    const { names, connection, publisher, settings } = this.#deps;
    const { stream: to, payload, ...options } = followUp;
    const followUpId = await publisher.publish(to, payload, { ...options, dedupId: `follows:${group}:${stream}:${msgId}` }).catch((error: unknown) => {
      if (error instanceof BusConflictError) return error.msgId; // an earlier holder was first: its word stands
      throw error;
    });
    if (dedupDigest !== undefined) await connection.persist(`note ${followUpId}`, () => connection.script(followScript, [names.followUps(stream, msgId)], [settings.dedupWindowMs, msgId, followUpId]));
  }

  async #completeAll(items: readonly Completion[], lane: string): Promise<(boolean | Error)[]> {
    const { connection, settings, names, host } = this.#deps;
    const deliveries = items.map(({ delivery }) => delivery);
    const { stream = '', group = '' } = deliveries[0] ?? {};
    const to = items[0]?.followUp.stream ?? '';
    this.#batches += 1;
    const keys = [names.stream(stream), names.errors(stream), names.stream(to), names.settleLane(stream, this.#busId, lane)];
    const args: (string | number | Buffer)[] = [];
    let maxLength = 0;
    const hashes: string[] = [];
    const numberOf = (hash: string) => (hashes.includes(hash) ? hashes.indexOf(hash) + 1 : hashes.push(hash));
    for (const { delivery, followUp } of items) {
      maxLength = Math.max(maxLength, followUp.maxLength ?? settings.maxLength);
      args.push(delivery.msgId, delivery.deliveryCount, delivery.dedupDigest === undefined ? '' : numberOf(names.followUps(stream, delivery.msgId)), followUp.msgType ?? 'task', payloadText(followUp.payload));
    }
    const trimsUnread = items.every(({ followUp }) => followUp.whileUnread === 'trim');
    const [low, high] = idRange(deliveries);
    const batch = this.#batches;
    const head = (attempt: number) => [group, this.#consumer, low, high, batch, attempt, maxLength, settings.maxBacklog, trimsUnread ? '1' : '', laneMemoryMs, settings.dedupWindowMs];
    const reply = await connection
      .persist(`complete on ${stream}`, async (attempt) => {
        const done = runConfirmed(connection, settings, to, completeScript, [...keys, ...hashes], [...head(attempt), ...args]);
        const { reply, problem } = await done.catch((error: unknown) => ({ reply: goneWithGroup(error), problem: undefined }));
        // It is done; whoever waits for it can not undo it.
        if (problem !== undefined) host.notify({ type: 'bus.unconfirmed', stream, group, msgIds: deliveries.map(({ msgId }) => msgId) });
        return reply;
      })
      .catch((error: unknown) => {
        throw asFull(to, error);
      });
    return deliveries.map(({ msgId }, index) => {
      const sign = reply === 'gone' ? '2' : (reply as string)[index];
      if (sign === '~') return new BusFullError(to, `${settings.maxBacklog} messages are not acknowledged yet`);
      if (sign !== '1') host.refused(stream, group, msgId);
      return sign === '1';
    });
  }
}
