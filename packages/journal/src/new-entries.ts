import { assertJsonValue, InvalidInputError, type Clock } from '@cortex-runtime/core';

import type { NewJournalEntry } from './journal-entry.ts';

/**
 * Refuses what could not be read back exactly as it was given.
 *
 * @returns the process that all of them belong to
 * @throws InvalidInputError
 */
export function checkNewEntries(entries: readonly NewJournalEntry[]): string {
  const processId = entries[0]?.processId;
  if (processId === undefined) throw new InvalidInputError('entries', 'must hold at least one entry');
  checkText('processId', processId);
  for (const each of entries) {
    if (each.processId !== processId) throw new InvalidInputError('entries', `must be of one process; got ${JSON.stringify(processId)} and ${JSON.stringify(each.processId)}`);
    checkText('entryType', each.entryType);
    if (each.runId !== undefined) checkText('runId', each.runId);
    for (const id of each.cause ?? []) checkText('cause', id);
    if (typeof each.data !== 'object' || each.data === null || Array.isArray(each.data)) throw new InvalidInputError('data', 'must be an object');
    assertJsonValue(each.data, 'data');
  }
  return processId;
}

function checkText(field: string, text: unknown): void {
  if (typeof text !== 'string' || text === '') throw new InvalidInputError(field, 'must be a text of at least one character');
  if (!text.isWellFormed()) throw new InvalidInputError(field, 'holds a lone surrogate, which UTF-8 can not carry');
}

/** The current instant as ISO 8601; made anew once a millisecond. */
export function isoInstants(clock: Clock): () => string {
  let at = Number.NaN;
  let text = '';
  return () => {
    const now = Math.floor(clock.now());
    if (now !== at) {
      at = now;
      text = new Date(now).toISOString();
    }
    return text;
  };
}
