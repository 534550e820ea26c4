import { describeError, type Logger } from '@cortex-runtime/core';
import type { MessageSubscriber, TriggerConfig } from '@cortex-runtime/triggers';

/**
 * Under what name a message trigger subscribes to its topic: the agent's, and for each further trigger on the same topic one of its own. It does not depend on the rest of the
 * configuration, so that a changed filter or description misses no message and leaves no subscription behind that nobody reads.
 */
export function subscriberOf(processName: string, triggers: readonly TriggerConfig[], index: number): string {
  const topic = triggers[index]?.topic;
  const before = triggers.slice(0, index).filter((trigger) => trigger.topic === topic).length;
  return before === 0 ? processName : `${processName}.${before + 1}`;
}

/** Ends the subscriptions that an agent had before and has no more: nothing is to be kept for it. A failure is logged, as it keeps nobody from starting. */
export async function endSubscriptions(deps: { broker: MessageSubscriber | undefined; logger: Logger }, processName: string, before: readonly TriggerConfig[], now: readonly TriggerConfig[]): Promise<void> {
  const kept = new Set(subscriptionsOf(processName, now).map((each) => JSON.stringify(each)));
  for (const [topic, subscriber] of subscriptionsOf(processName, before).filter((each) => !kept.has(JSON.stringify(each)))) {
    await deps.broker?.unsubscribe?.(topic, subscriber).catch((error: unknown) => deps.logger.warn({ topic, error: describeError(error) }, 'a subscription could not be ended; what comes on its topic is kept for nobody'));
  }
}

function subscriptionsOf(processName: string, triggers: readonly TriggerConfig[]): [topic: string, subscriber: string][] {
  return triggers.flatMap(({ type, topic }, index): [string, string][] => (type === 'message' && topic !== undefined ? [[topic, subscriberOf(processName, triggers, index)]] : []));
}
