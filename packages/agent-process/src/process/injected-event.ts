import { InvalidInputError, type Clock, type IdGenerator, type JsonValue } from '@cortex-runtime/core';
import type { TriggerEvent } from '@cortex-runtime/triggers';

/** An event that somebody hands in by hand: what is left out is filled in. */
export type InjectedEvent = Partial<TriggerEvent> & { payload: JsonValue };

/** @throws InvalidInputError when its id can not be one */
export function injectedEvent({ clock, createId }: { clock: Clock; createId: IdGenerator }, event: InjectedEvent): TriggerEvent {
  const eventId = event.eventId ?? createId();
  if (eventId.length === 0 || eventId.length > 500) throw new InvalidInputError('event_id', `must have 1 to 500 characters, got ${eventId.length}`);
  return {
    triggerId: event.triggerId ?? 'inject',
    triggerType: event.triggerType ?? 'inject',
    eventId,
    timestamp: event.timestamp ?? clock.now(),
    payload: event.payload,
    metadata: event.metadata ?? {},
    cause: event.cause ?? [],
  };
}
