import type { BaseTrigger, MessageSubscriber, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { TriggerError } from '../errors.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { SubscriptionTrigger } from './subscription-trigger.ts';

/** Wakes an agent by a message on a topic. The broker's handler resolves when the message is durable, so only then is it acknowledged. */
export class MessageTrigger extends SubscriptionTrigger implements BaseTrigger {
  readonly triggerType = 'message';
  readonly #broker: MessageSubscriber;
  readonly #topic: string;

  constructor(deps: TriggerDependencies, config: TriggerConfig) {
    const triggerId = triggerIdOf(config);
    super(deps, triggerId);
    if (config.topic === undefined) throw new TriggerError('a message trigger needs topic', { triggerId });
    if (deps.broker === undefined) throw new TriggerError(`trigger ${triggerId} needs a message broker, and this host has none; give the host a broker (CORTEX_REDIS_URL, or the in-memory bus)`, { triggerId });
    this.#broker = deps.broker;
    this.#topic = config.topic;
  }

  protected override subscribe(): Promise<() => Promise<void>> {
    // Copies of one agent on several hosts share the messages; every other agent gets them too.
    const subscriber = this.deps.subscriber ?? `${this.deps.processName}.${this.triggerId}`;
    const handler: Parameters<MessageSubscriber['subscribe']>[1] = async ({ topic, messageId, sender, content, session, cause }) => {
      await this.deliver({
        triggerId: this.triggerId,
        triggerType: this.triggerType,
        eventId: `message:${this.triggerId}:${messageId}`,
        timestamp: this.deps.clock.now(),
        payload: { topic, message_id: messageId, sender, content, ...(session === undefined ? {} : { session }) },
        metadata: {},
        cause: cause ?? [],
      });
    };
    return this.#broker.subscribe(this.#topic, handler, subscriber);
  }
}
