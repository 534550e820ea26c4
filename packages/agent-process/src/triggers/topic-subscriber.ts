import type { TriggerConfig } from '@cortex-runtime/triggers';

/**
 * Under what name a message trigger subscribes to its topic: the agent's, and for each further trigger on the same topic one of its own. It does not depend on the rest of the
 * configuration, so that a changed filter or description misses no message and leaves no subscription behind that nobody reads.
 */
export function subscriberOf(processName: string, triggers: readonly TriggerConfig[], index: number): string {
  const topic = triggers[index]?.topic;
  const before = triggers.slice(0, index).filter((trigger) => trigger.topic === topic).length;
  return before === 0 ? processName : `${processName}.${before + 1}`;
}
