import { InvalidInputError } from '@cortex-runtime/core';
import { triggerEventFromDocument, type TriggerEvent } from '@cortex-runtime/triggers';

import type { DeadLetterRecord, MailboxState } from '../mailbox/mailbox-projection.ts';
import type { ProcessRecord } from './process-record.ts';

/** An event that was given up. */
export interface DeadLetter {
  event: TriggerEvent;
  reason: string;
  error: string | undefined;
  attempts: number;
  /** Milliseconds since the Unix epoch. */
  deadLetteredAt: number;
}

export function deadLetters(mailbox: MailboxState): DeadLetter[] {
  return mailbox.dead_letters.map((record) => ({
    event: triggerEventFromDocument(record.event),
    reason: record.reason,
    error: record.error ?? undefined,
    attempts: record.attempts,
    deadLetteredAt: Date.parse(record.dead_lettered_at),
  }));
}

/** Opens dead letters again, all or that of one event. @returns the ids of their events @throws InvalidInputError when there is none of that event */
export async function redeliverDeadLetters(record: ProcessRecord, eventId: string | undefined, by: string): Promise<string[]> {
  const letters = chosenLetters(record.states.mailbox, eventId);
  if (letters.length > 0) {
    await record.write(letters.map(({ event }) => ({ entryType: 'dead_letter_redelivered', data: { event_id: event.event_id, event: { ...event }, by } }))).durable;
  }
  return letters.map(({ event }) => event.event_id);
}

/** Takes every dead letter off the list. @returns how many */
export async function clearDeadLetters(record: ProcessRecord): Promise<number> {
  const count = record.states.mailbox.dead_letter_count;
  if (count > 0) await record.write([{ entryType: 'dead_letters_cleared', data: {} }]).durable;
  return count;
}

/** All, or the newest of one event. */
function chosenLetters(mailbox: MailboxState, eventId: string | undefined): DeadLetterRecord[] {
  if (eventId === undefined) {
    const newest = new Map(mailbox.dead_letters.map((record) => [record.event.event_id, record]));
    return [...newest.values()];
  }
  const letter = mailbox.dead_letters.findLast((record) => record.event.event_id === eventId);
  if (letter === undefined) throw new InvalidInputError('event_id', `no dead letter of event ${JSON.stringify(eventId)}; list them to see which there are`);
  return [letter];
}
