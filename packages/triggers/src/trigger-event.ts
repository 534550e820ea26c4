import type { JsonObject, JsonValue } from '@cortex-runtime/core';

/** Something happened that may wake an agent. */
export interface TriggerEvent {
  /** Which trigger produced it. */
  triggerId: string;
  /** `cron`, `webhook`, `file_watch`, `event`, `message`, `task`, `chat`, `inject`, or a registered type. */
  triggerType: string;
  /** Unique per event, and the same when the outside delivers the same thing again: the mailbox takes each id once. */
  eventId: string;
  /** When it happened: milliseconds since the Unix epoch. */
  timestamp: number;
  /** What happened: cron time, webhook body, file path. */
  payload: JsonValue;
  /** Facts about the delivery: headers, query, remote address. Never shown to the model. */
  metadata: JsonObject;
  /** The run and event ids that led here, oldest first; empty for a root cause. */
  cause: readonly string[];
}

/** The document form of an event: snake_case, with an ISO 8601 time; what journals and HTTP carry. */
export interface TriggerEventDocument {
  trigger_id: string;
  trigger_type: string;
  event_id: string;
  timestamp: string;
  payload: JsonValue;
  metadata: JsonObject;
  cause: readonly string[];
}

export function triggerEventToDocument(event: TriggerEvent): TriggerEventDocument {
  return {
    trigger_id: event.triggerId,
    trigger_type: event.triggerType,
    event_id: event.eventId,
    timestamp: new Date(event.timestamp).toISOString(),
    payload: event.payload,
    metadata: event.metadata,
    cause: event.cause,
  };
}

/** Reads what {@link triggerEventToDocument} wrote. */
export function triggerEventFromDocument(document: TriggerEventDocument): TriggerEvent {
  return {
    triggerId: document.trigger_id,
    triggerType: document.trigger_type,
    eventId: document.event_id,
    timestamp: Date.parse(document.timestamp),
    payload: document.payload,
    metadata: document.metadata,
    cause: document.cause,
  };
}
