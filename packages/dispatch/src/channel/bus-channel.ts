import type { MessageBus } from '@cortex-runtime/bus';
import type { Clock, Timer } from '@cortex-runtime/core';

import { ChannelError } from '../errors.ts';
import { channelStream } from '../task/task-streams.ts';
import { channelCallType, writeChannelCall, type ChannelCall } from './channel-call.ts';
import type { MessageReference } from './channel-message.ts';
import type { AgentActivity, ChannelProvider, ReplyTarget } from './channel-provider.ts';

/** Pieces of one answer are gathered for this long: a word at a time would cost the bus more than the answer. */
const gatherMs = 40;

/**
 * Channels that another process holds, such as the conductor's: what an agent says travels over the bus to the `relayChannel` there. `send` resolves when the bus has the
 * answer, which then waits until the channel has taken it.
 */
export class BusChannel implements ChannelProvider {
  readonly name: string;
  readonly #bus: MessageBus;
  readonly #clock: Clock;
  readonly #gathered = new Map<string, { text: string; timer: Timer }>();

  /** @param name - the channel of calls that name none */
  constructor(deps: { bus: MessageBus; clock: Clock }, name: string) {
    this.name = name;
    this.#bus = deps.bus;
    this.#clock = deps.clock;
  }

  async send(roomId: string, text: string, target: ReplyTarget = {}): Promise<{ messageId: string }> {
    this.#forget(target.replyId);
    const messageId = await this.#publish(target.channel, { call: 'send', roomId, text, ...named(target) }, target.replyId === undefined ? {} : { dedupId: `reply:${target.replyId}` });
    return { messageId };
  }

  async sendPiece(roomId: string, piece: string, target: ReplyTarget & { replyId: string }): Promise<void> {
    const gathered = this.#gathered.get(target.replyId);
    if (gathered !== undefined) {
      gathered.text += piece;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.setTimer(gatherMs, () => {
        const text = this.#forget(target.replyId);
        this.#publish(target.channel, { call: 'piece', roomId, text, ...named(target) }).then(() => resolve(), reject);
      });
      this.#gathered.set(target.replyId, { text: piece, timer });
      // Whoever calls goes on at once: the pieces that follow are gathered too.
      resolve();
    });
  }

  async discardReply(roomId: string, target: ReplyTarget & { replyId: string }): Promise<void> {
    this.#forget(target.replyId);
    await this.#publish(target.channel, { call: 'discard', roomId, ...named(target) });
  }

  async react({ channel, roomId, id, threadId }: MessageReference, emoji: string, options: { remove?: boolean } = {}): Promise<void> {
    await this.#publish(channel, { call: 'react', roomId, messageId: id, threadId, emoji, isRemoved: options.remove === true });
  }

  async followThread({ channel, roomId, id, threadId }: MessageReference): Promise<void> {
    await this.#publish(channel, { call: 'follow', roomId, messageId: id, threadId });
  }

  async publishAgentActivity({ channel, roomId, parentMessageId, agentIdentity, ...activity }: AgentActivity): Promise<void> {
    await this.#publish(channel, { call: 'activity', roomId, messageId: parentMessageId, agent: agentIdentity, ...activity });
  }

  async #publish(channel: string | undefined, call: Parameters<typeof writeChannelCall>[0], options: { dedupId?: string } = {}): Promise<string> {
    try {
      return await this.#bus.publish(channelStream(channel ?? this.name), writeChannelCall(call), { msgType: channelCallType, ...options });
    } catch (error) {
      // Another attempt at the answer came first, with other words: that one stands.
      if (options.dedupId !== undefined && (error as { code?: string }).code === 'BUS_DEDUP_CONFLICT') return (error as { msgId?: string }).msgId ?? '';
      throw new ChannelError(`the bus did not take a call of the channel ${channel ?? this.name}`, { cause: error });
    }
  }

  #forget(replyId: string | undefined): string {
    const gathered = replyId === undefined ? undefined : this.#gathered.get(replyId);
    if (replyId !== undefined) this.#gathered.delete(replyId);
    gathered?.timer.cancel();
    return gathered?.text ?? '';
  }
}

function named({ threadId, agent, replyId }: ReplyTarget): Partial<Pick<ChannelCall, 'threadId' | 'agent' | 'replyId'>> {
  return { ...(threadId === undefined ? {} : { threadId }), ...(agent === undefined ? {} : { agent }), ...(replyId === undefined ? {} : { replyId }) };
}
