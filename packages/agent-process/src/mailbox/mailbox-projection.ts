import type { JsonValue } from '@cortex-runtime/core';
import type { JournalEntry, Projection } from '@cortex-runtime/journal';
import type { TriggerEventDocument } from '@cortex-runtime/triggers';

/** An accepted event that is not closed yet. */
export interface PendingEvent {
  event: TriggerEventDocument;
  /** `seq` of the entry that opened it: the mailbox is served in this order. */
  opened_seq: number;
  /** waiting: for a free slot; running: a run is open, in memory, parked, or to be taken up again; retry: waits until `due_at`. */
  state: 'waiting' | 'running' | 'retry';
  /** Attempts begun. */
  attempt: number;
  /** One run per opening: a retry continues it, so that recorded effects are served. */
  run_id: string | null;
  invocation: number | null;
  /** Milliseconds since the epoch of the first attempt. */
  started_at: number | null;
  /** Milliseconds since the epoch. */
  due_at: number | null;
  /** Times the run was taken up again after an interruption without having got any further. */
  interruptions: number;
}

/** An event that was given up. */
export interface DeadLetterRecord {
  event: TriggerEventDocument;
  reason: string;
  error: string | null;
  attempts: number;
  /** ISO 8601. */
  dead_lettered_at: string;
}

/** What a trigger remembers over restarts. */
export interface TriggerRecord {
  /** ISO 8601 of its first start for this agent. */
  first_started_at: string | null;
  last_event: { event_id: string; payload: JsonValue; timestamp: string } | null;
  /** Accepted events that are not closed yet. */
  open: number;
}

export interface MailboxState {
  /** Dead letters that are listed in full. */
  dead_letter_size: number;
  /** By `pendingKey(eventId)`, in the order of their opening. */
  pending: Record<string, PendingEvent>;
  pending_count: number;
  /** Key in `pending` of each open run. */
  runs: Record<string, string>;
  /** Ids of closed events, newest generation and the one before: a delivery that is repeated later than these is taken again. */
  closed: Record<string, 1>;
  closed_before: Record<string, 1>;
  closed_count: number;
  dead_letters: DeadLetterRecord[];
  /** All that were ever given up and neither redelivered nor cleared, also those beyond the list. */
  dead_letter_count: number;
  triggers: Record<string, TriggerRecord>;
}

/** Ids in one generation of closed events. */
const closedGeneration = 5_000;
/** A longer payload is not kept as a trigger's cursor; those that triggers make themselves are far shorter. */
const cursorPayloadChars = 16_000;

/** Object keys that look like numbers would be reordered; ids come from outside. */
function pendingKey(eventId: string): string {
  return `#${eventId}`;
}

/** The mailbox as a fold: an accepted event is a `trigger_event`; an `invocation_result` or `dead_letter` closes it. */
export const mailboxProjection: Projection<MailboxState> = {
  name: 'mailbox',
  initial: () => ({ dead_letter_size: 100, pending: {}, pending_count: 0, runs: {}, closed: {}, closed_before: {}, closed_count: 0, dead_letters: [], dead_letter_count: 0, triggers: {} }),
    apply(state, entry) {
      switch (entry.entryType) {
        case 'process_deployed': {
          const { config } = entry.data as { config: { trigger_delivery?: { dead_letter_size?: number } } };
          state.dead_letter_size = config.trigger_delivery?.dead_letter_size ?? 100;
          return state;
        }
        case 'trigger_started': {
          const { trigger_id } = entry.data as { trigger_id: string };
          triggerRecord(state, trigger_id).first_started_at ??= entry.timestamp;
          return state;
        }
        case 'trigger_event':
          open(state, entry.data as unknown as TriggerEventDocument, entry);
          return state;
        case 'invocation_start':
          return begin(state, entry);
        case 'llm_result':
        case 'tool_result':
        case 'effect_outcome': {
          const key = entry.runId === undefined ? undefined : state.runs[entry.runId];
          const pending = key === undefined ? undefined : state.pending[key];
          if (pending !== undefined) pending.interruptions = 0;
          return state;
        }
        case 'error': {
          const pending = pendingOf(state, entry);
          if (pending !== undefined) pending.state = 'waiting';
          return state;
        }
        case 'retry_scheduled': {
          const pending = pendingOf(state, entry);
          if (pending !== undefined) {
            pending.state = 'retry';
            pending.due_at = (entry.data as { due_at: number }).due_at;
          }
          return state;
        }
        case 'invocation_result':
          close(state, (entry.data as { event_id: string }).event_id);
          return state;
        case 'dead_letter':
          return bury(state, entry);
        case 'dead_letter_redelivered': {
          const { event } = entry.data as unknown as { event: TriggerEventDocument };
          forgetDeadLetters(state, new Set([event.event_id]));
          open(state, event, entry);
          return state;
        }
        case 'dead_letters_cleared': {
          const { event_ids } = entry.data as { event_ids?: string[] };
          if (event_ids === undefined) {
            state.dead_letters = [];
            state.dead_letter_count = 0;
          } else forgetDeadLetters(state, new Set(event_ids));
          return state;
        }
        default:
          return state;
      }
    },
};

/** Whether an event of this id is in the mailbox, or was closed lately. */
export function knowsEvent(state: MailboxState, eventId: string): boolean {
  const key = pendingKey(eventId);
  return Object.hasOwn(state.pending, key) || Object.hasOwn(state.closed, key) || Object.hasOwn(state.closed_before, key);
}

/** The event of this id, while it is not closed. */
export function findPending(state: MailboxState, eventId: string): PendingEvent | undefined {
  const key = pendingKey(eventId);
  return Object.hasOwn(state.pending, key) ? state.pending[key] : undefined;
}

/** Pending events in the order in which they were opened. */
export function pendingEvents(state: MailboxState): PendingEvent[] {
  return Object.values(state.pending);
}

function open(state: MailboxState, event: TriggerEventDocument, entry: JournalEntry): void {
  const key = pendingKey(event.event_id);
  if (Object.hasOwn(state.pending, key)) return;
  state.pending[key] = { event, opened_seq: entry.seq, state: 'waiting', attempt: 0, run_id: null, invocation: null, started_at: null, due_at: null, interruptions: 0 };
  state.pending_count += 1;
  const trigger = triggerRecord(state, event.trigger_id);
  trigger.open += 1;
  if (entry.entryType !== 'trigger_event') return;
  // Webhooks have no cursor, and their bodies are long.
  const isCursor = event.trigger_type !== 'webhook' && JSON.stringify(event.payload).length <= cursorPayloadChars;
  const payload = isCursor ? event.payload : null;
  trigger.last_event = { event_id: event.event_id, payload, timestamp: event.timestamp };
}

function begin(state: MailboxState, entry: JournalEntry): MailboxState {
  const pending = pendingOf(state, entry);
  if (pending === undefined) return state;
  const { attempt, invocation, resumed } = entry.data as { attempt: number; invocation: number; resumed?: string };
  pending.state = 'running';
  pending.attempt = attempt;
  pending.invocation = invocation;
  pending.run_id = entry.runId ?? null;
  pending.interruptions = resumed === 'interrupted' ? pending.interruptions + 1 : 0;
  if (entry.runId !== undefined) state.runs[entry.runId] = pendingKey(pending.event.event_id);
  pending.started_at ??= Date.parse(entry.timestamp);
  pending.due_at = null;
  return state;
}

function close(state: MailboxState, eventId: string): PendingEvent | undefined {
  const key = pendingKey(eventId);
  const pending = Object.hasOwn(state.pending, key) ? state.pending[key] : undefined;
  if (pending === undefined) return undefined;
  delete state.pending[key];
  state.pending_count -= 1;
  if (pending.run_id !== null) delete state.runs[pending.run_id];
  const trigger = triggerRecord(state, pending.event.trigger_id);
  trigger.open = Math.max(0, trigger.open - 1);
  if (state.closed_count >= closedGeneration) {
    state.closed_before = state.closed;
    state.closed = {};
    state.closed_count = 0;
  }
  state.closed[key] = 1;
  state.closed_count += 1;
  return pending;
}

function bury(state: MailboxState, entry: JournalEntry): MailboxState {
  const { event_id, reason, error, attempts } = entry.data as { event_id: string; reason: string; error?: string; attempts: number };
  const pending = close(state, event_id);
  if (pending === undefined) return state;
  state.dead_letter_count += 1;
  state.dead_letters.push({ event: pending.event, reason, error: error ?? null, attempts, dead_lettered_at: entry.timestamp });
  if (state.dead_letters.length > state.dead_letter_size) state.dead_letters.splice(0, state.dead_letters.length - state.dead_letter_size);
  return state;
}

function forgetDeadLetters(state: MailboxState, eventIds: ReadonlySet<string>): void {
  state.dead_letters = state.dead_letters.filter((letter) => !eventIds.has(letter.event.event_id));
  state.dead_letter_count = Math.max(0, state.dead_letter_count - eventIds.size);
}

function pendingOf(state: MailboxState, entry: JournalEntry): PendingEvent | undefined {
  return findPending(state, (entry.data as { event_id: string }).event_id);
}

function triggerRecord(state: MailboxState, triggerId: string): TriggerRecord {
  const key = pendingKey(triggerId);
  if (!Object.hasOwn(state.triggers, key)) state.triggers[key] = { first_started_at: null, last_event: null, open: 0 };
  return state.triggers[key] as TriggerRecord;
}

/** What is remembered of one trigger; undefined when it never started. */
export function triggerRecordOf(state: MailboxState, triggerId: string): TriggerRecord | undefined {
  const key = pendingKey(triggerId);
  return Object.hasOwn(state.triggers, key) ? state.triggers[key] : undefined;
}
