import type { TriggerMemory } from '@cortex-runtime/triggers';

import type { TriggerRecord } from '../mailbox/mailbox-projection.ts';

/** What a trigger remembers, read from the fold while the process is awake and from a small copy while it hibernates. */
export function triggerMemory(read: () => TriggerRecord | undefined): TriggerMemory {
  return {
    lastEvent() {
      const last = read()?.last_event;
      return last === null || last === undefined ? undefined : { eventId: last.event_id, payload: last.payload, timestamp: Date.parse(last.timestamp) };
    },
    firstStartedAt() {
      const at = read()?.first_started_at;
      return at === null || at === undefined ? undefined : Date.parse(at);
    },
    openEvents: () => read()?.open ?? 0,
  };
}
