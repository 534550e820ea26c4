import type { Delivery, MessageBus, Subscription } from '@cortex-runtime/bus';
import { describeError, silentLogger, type Clock, type Logger, type Random } from '@cortex-runtime/core';

import { channelStream } from '../task/task-streams.ts';
import { CarefulChannel } from './careful-channel.ts';
import { readChannelCall, type ChannelCall } from './channel-call.ts';
import type { ChannelProvider } from './channel-provider.ts';

export interface ChannelRelayDependencies {
  bus: MessageBus;
  channel: ChannelProvider;
  clock: Clock;
  random: Random;
  logger?: Logger;
}

const group = 'channel-relay';
/** Calls that are under way at once; those of one room happen in order. */
const maxInFlight = 64;

/**
 * Carries what agents elsewhere say through a `BusChannel` to the channel that this process holds. An answer is acknowledged when the channel has taken it.
 *
 * States: created → `start` → running → `stop` → stopped.
 */
export class ChannelRelay {
  readonly #deps: ChannelRelayDependencies;
  readonly #logger: Logger;
  readonly #careful: CarefulChannel;
  readonly #rooms = new Map<string, Promise<void>>();
  #subscription: Subscription | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: ChannelRelayDependencies) {
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#careful = new CarefulChannel({ channel: deps.channel, clock: deps.clock, random: deps.random, logger: this.#logger });
  }

  async start(): Promise<void> {
    if (this.#subscription !== undefined) return;
    const stream = channelStream(this.#deps.channel.name);
    await this.#deps.bus.createGroup(stream, group);
    this.#subscription = this.#deps.bus.subscribe(stream, { group, maxInFlight });
    this.#running = this.#run(this.#subscription);
  }

  async stop(): Promise<void> {
    await this.#subscription?.stop();
    await this.#running;
    this.#subscription = undefined;
  }

  async #run(subscription: Subscription): Promise<void> {
    for await (const delivery of subscription) {
      let call: ChannelCall;
      try {
        call = readChannelCall(delivery.json());
      } catch (error) {
        await delivery.deadLetter(error).catch(() => {});
        continue;
      }
      const before = this.#rooms.get(call.roomId) ?? Promise.resolve();
      const done = before.then(() => this.#carry(delivery, call));
      this.#rooms.set(call.roomId, done);
      void done.finally(() => {
        if (this.#rooms.get(call.roomId) === done) this.#rooms.delete(call.roomId);
      });
    }
    await Promise.all(this.#rooms.values());
  }

  async #carry(delivery: Delivery, call: ChannelCall): Promise<void> {
    try {
      await this.#apply(call, delivery.msgId);
      await delivery.ack();
    } catch (error) {
      this.#logger.warn({ channel: this.#deps.channel.name, call: call.call, room: call.roomId, error: describeError(error) }, 'a call of an agent did not reach the channel; it is tried again');
      await delivery.nack(error).catch(() => {});
    }
  }

  async #apply(call: ChannelCall, msgId: string): Promise<void> {
    const { roomId, text, threadId, agent, replyId = msgId, messageId = '' } = call;
    const channel = this.#deps.channel.name;
    const target = { channel, threadId, replyId, ...(agent === undefined ? {} : { agent }) };
    switch (call.call) {
      case 'send':
        await this.#careful.send(roomId, text, target);
        return;
      case 'piece':
        this.#careful.piece(roomId, text, target);
        return;
      case 'discard':
        this.#careful.discard(roomId, target);
        return;
      case 'react':
        this.#careful.react({ channel, roomId, id: messageId, threadId }, call.emoji ?? '', { remove: call.isRemoved });
        return;
      case 'follow':
        this.#careful.followThread({ channel, roomId, id: messageId, threadId });
        return;
      case 'activity':
        this.#careful.activity({
          channel, roomId, parentMessageId: messageId, threadId, taskId: call.taskId ?? '', agentIdentity: agent ?? '', phase: call.phase ?? '', text,
          ...(call.metadata === undefined ? {} : { metadata: call.metadata }),
          ...(call.includeInContext === undefined ? {} : { includeInContext: call.includeInContext }),
        });
    }
  }
}
