import { describeError, jitteredBackoffMs, sleep, type Clock, type Logger, type Random } from '@cortex-runtime/core';

import { ChannelError } from '../errors.ts';
import type { MessageReference } from './channel-message.ts';
import type { AgentActivity, ChannelProvider, ReplyTarget } from './channel-provider.ts';

export interface CarefulChannelDependencies {
  channel: ChannelProvider;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** Milliseconds for one call. */
const callTimeoutMs = 10_000;
const sendAttempts = 4;
const sendBackoff = { baseMs: 200, maxMs: 5_000 };
/** Pieces of an answer that may wait for a slow channel; later ones are left out, the answer has them. */
const maxPieces = 1_000;

/**
 * A channel that can not do harm: what is only helpful is tried once, in order, in the background; an answer is tried a few times, and then says that it failed.
 */
export class CarefulChannel {
  readonly #deps: CarefulChannelDependencies;
  /** What is under way for a message or a reply, so that it happens in order. */
  readonly #queues = new Map<string, { tail: Promise<void>; length: number }>();

  constructor(deps: CarefulChannelDependencies) {
    this.#deps = deps;
  }

  get name(): string {
    return this.#deps.channel.name;
  }

  /** @throws ChannelError when the channel did not take it */
  async send(roomId: string, text: string, target: ReplyTarget & { replyId: string }): Promise<void> {
    const { channel, clock, random } = this.#deps;
    await this.#queues.get(`reply ${target.replyId}`)?.tail;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#within('send', channel.send(roomId, text, target));
        return;
      } catch (error) {
        if (attempt === sendAttempts) throw new ChannelError(`the channel ${channel.name} did not take the answer for ${roomId} in ${sendAttempts} attempts: ${describeError(error)}`, { cause: error });
        await sleep(clock, jitteredBackoffMs(attempt, sendBackoff, random));
      }
    }
  }

  piece(roomId: string, piece: string, target: ReplyTarget & { replyId: string }): void {
    const { channel } = this.#deps;
    if (channel.sendPiece !== undefined) this.#inOrder(`reply ${target.replyId}`, 'sendPiece', async () => channel.sendPiece?.(roomId, piece, target));
  }

  discard(roomId: string, target: ReplyTarget & { replyId: string }): void {
    const { channel } = this.#deps;
    if (channel.discardReply !== undefined) this.#inOrder(`reply ${target.replyId}`, 'discardReply', async () => channel.discardReply?.(roomId, target));
  }

  react(target: MessageReference, emoji: string, options: { remove?: boolean } = {}): void {
    const { channel } = this.#deps;
    if (channel.react !== undefined) this.#inOrder(`message ${target.id}`, 'react', async () => channel.react?.(target, emoji, options));
  }

  followThread(message: MessageReference): void {
    const { channel } = this.#deps;
    if (channel.followThread !== undefined) this.#inOrder(`message ${message.id}`, 'followThread', async () => channel.followThread?.(message));
  }

  activity(activity: AgentActivity): void {
    const { channel } = this.#deps;
    if (channel.publishAgentActivity !== undefined) this.#inOrder(`message ${activity.parentMessageId}`, 'publishAgentActivity', async () => channel.publishAgentActivity?.(activity));
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#queues.size > 0) await Promise.all([...this.#queues.values()].map(({ tail }) => tail));
  }

  #inOrder(key: string, what: string, work: () => Promise<void>): void {
    const queue = this.#queues.get(key) ?? { tail: Promise.resolve(), length: 0 };
    if (queue.length >= maxPieces) return;
    queue.length += 1;
    queue.tail = queue.tail.then(async () => {
      try {
        await this.#within(what, work());
      } catch (error) {
        this.#deps.logger.warn({ channel: this.name, call: what, error: describeError(error) }, 'a channel failed; the work goes on');
      }
      queue.length -= 1;
      if (queue.length === 0) this.#queues.delete(key);
    });
    this.#queues.set(key, queue);
  }

  async #within<T>(what: string, work: Promise<T>): Promise<T> {
    let expire: (error: Error) => void = () => {};
    const expired = new Promise<never>((_, reject) => (expire = reject));
    const timer = this.#deps.clock.setTimer(callTimeoutMs, () => expire(new ChannelError(`${what} of the channel ${this.name} did not end within ${callTimeoutMs} ms`)));
    try {
      return await Promise.race([work, expired]);
    } finally {
      timer.cancel();
    }
  }
}
