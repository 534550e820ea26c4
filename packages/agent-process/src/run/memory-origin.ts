import type { MemoryProvenance } from '@cortex-runtime/memory';
import type { EventSession } from '@cortex-runtime/session';
import type { TriggerEvent } from '@cortex-runtime/triggers';

/** Where comes from what an agent writes to memory in a run: the message that it answers, or else the event. */
export function memoryOrigin({ processName, runId }: { processName: string; runId: string }, { triggerType, eventId }: TriggerEvent, said: EventSession | undefined): MemoryProvenance {
  const source = said === undefined ? `${triggerType} ${eventId}` : `message ${said.messageId} from ${said.senderId} in ${said.channel}`;
  return { agent: processName, runId, source: source.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, 500) };
}
