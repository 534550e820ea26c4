import type { JsonObject } from '@cortex-runtime/core';
import type { TriggerEventDocument } from '@cortex-runtime/triggers';

/** Where the answer to an event goes; undefined for one that wants none. */
export function replyToOf({ metadata }: TriggerEventDocument): JsonObject | undefined {
  const to = (metadata as JsonObject | undefined)?.['reply_to'];
  return typeof to === 'object' && to !== null && !Array.isArray(to) ? (to as JsonObject) : undefined;
}
