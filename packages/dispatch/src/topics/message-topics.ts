import { LeaseLostError, type Delivery, type MessageBus, type Subscription } from '@cortex-runtime/bus';
import { assertJsonValue, describeError, documentCodec, silentLogger, type Clock, type JsonObject, type JsonValue, type Logger, type Random } from '@cortex-runtime/core';
import { z } from 'zod';

import type { KnownFields } from '../task/known-fields.ts';
import { topicStream } from '../task/task-streams.ts';
import { PatientStart } from './patient-start.ts';

const TopicMessage = z.looseObject({
  sender: z.string().default(''),
  content: z.custom<JsonValue>((value) => value !== undefined),
  /** The conversation that it belongs to. */
  session: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)).optional(),
  cause: z.array(z.string()).max(1_000).default([]),
});
type TopicMessage = KnownFields<z.output<typeof TopicMessage>>;

/** A message of a topic, as a subscriber gets it. */
export interface MessageOfTopic {
  topic: string;
  messageId: string;
  sender: string;
  content: JsonValue;
  session?: JsonObject;
  cause: readonly string[];
}

export interface NewTopicMessage {
  sender: string;
  content: JsonValue;
  session?: JsonObject;
  /** Ids of what led to it, the nearest last. */
  cause?: readonly string[];
  /** Published twice under one id it is there once. */
  messageId?: string;
}

const codec = documentCodec(TopicMessage);
/** Messages that one subscriber works on at once. */
const maxInFlight = 16;
/** Before what a subscriber could not take comes again. */
const giveBackMs = 1_000;

/**
 * Topics on a message bus: everybody who has subscribed gets each message, at least once, from the time of the first subscription on, also what came while they were away.
 *
 * A subscriber that never comes back holds the topic: remove its group (`XGROUP DESTROY`).
 */
export class MessageTopics {
  readonly #bus: MessageBus;
  readonly #deps: { clock: Clock; random: Random };
  readonly #logger: Logger;

  constructor(deps: { bus: MessageBus; clock: Clock; random: Random; logger?: Logger }) {
    this.#bus = deps.bus;
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
  }

  /** Resolves to the message's id when the bus has it. @throws InvalidInputError, BusFullError, BusConnectionError */
  async publish(topic: string, { sender, content, session, cause, messageId }: NewTopicMessage): Promise<string> {
    assertJsonValue(content, 'content');
    const payload = JSON.stringify({ sender, content, ...(session === undefined ? {} : { session }), ...(cause === undefined || cause.length === 0 ? {} : { cause }) });
    return this.#bus.publish(topicStream(topic), payload, { msgType: 'message', whileUnread: 'trim', ...(messageId === undefined ? {} : { dedupId: messageId }) });
  }

  /**
   * @param handler - the message is acknowledged when it resolves; when it rejects, it comes again
   * @param subscriber - whoever has the same one shares the messages
   * @returns ends it
   */
  async subscribe(topic: string, handler: (message: MessageOfTopic) => Promise<void>, subscriber = 'subscribers'): Promise<() => Promise<void>> {
    const stream = topicStream(topic);
    const patient = new PatientStart<{ subscription: Subscription; running: Promise<void> }>({ ...this.#deps, logger: this.#logger }, `reading topic ${topic}`);
    await patient.begin(async () => {
      await this.#bus.createGroup(stream, subscriber, { start: 'end' });
      const subscription = this.#bus.subscribe(stream, { group: subscriber, maxInFlight });
      return { subscription, running: this.#run(subscription, topic, handler) };
    });
    return () =>
      patient.end(async ({ subscription, running }) => {
        await subscription.stop();
        await running;
      });
  }

  async #run(subscription: Subscription, topic: string, handler: (message: MessageOfTopic) => Promise<void>): Promise<void> {
    try {
      for await (const delivery of subscription) void this.#hand(delivery, topic, handler);
    } catch (error) {
      this.#logger.error({ topic, error: describeError(error) }, 'a topic can not be read');
    }
  }

  async #hand(delivery: Delivery, topic: string, handler: (message: MessageOfTopic) => Promise<void>): Promise<void> {
    try {
      let message: TopicMessage;
      try {
        message = codec.read(delivery.json(), 'the message');
      } catch (error) {
        this.#logger.error({ topic, msgId: delivery.msgId, error: describeError(error) }, 'a message can not be read; it is kept among the dead letters');
        await delivery.deadLetter(error);
        return;
      }
      const { sender, content, session, cause } = message;
      try {
        await handler({ topic, messageId: delivery.msgId, sender, content, ...(session === undefined ? {} : { session }), cause });
      } catch (error) {
        // Whoever can not take it now (stopped, full) has not refused it for good.
        this.#logger.warn({ topic, msgId: delivery.msgId, error: describeError(error) }, 'a subscriber could not take a message; it comes again');
        await delivery.release({ delayMs: giveBackMs });
        return;
      }
      await delivery.ack();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) this.#logger.warn({ topic, msgId: delivery.msgId, error: describeError(error) }, 'a message could not be settled; it comes again');
    }
  }
}
