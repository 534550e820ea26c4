import { InvalidInputError } from '@cortex-runtime/core';
import { triggerEventFromDocument, type TriggerEvent } from '@cortex-runtime/triggers';

import type { DeadLetterRecord, MailboxState } from '../mailbox/mailbox-projection.ts';

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

/** The letters to open again: all, or the newest of one event. @throws InvalidInputError when there is none of that event */
export function redeliverDeadLetters(mailbox: MailboxState, eventId: string | undefined): DeadLetterRecord[] {
  if (eventId === undefined) {
    const newest = new Map(mailbox.dead_letters.map((record) => [record.event.event_id, record]));
    return [...newest.values()];
  }
  const letter = mailbox.dead_letters.findLast((record) => record.event.event_id === eventId);
  if (letter === undefined) throw new InvalidInputError('event_id', `no dead letter of event ${JSON.stringify(eventId)}; list them to see which there are`);
  return [letter];
}
