import { InvalidInputError } from '@cortex-runtime/core';

import type { JournalEntry } from './journal-entry.ts';
import type { JournalQuery } from './journal.ts';

/** Whether an entry is one of those that a query asks for, its limit left aside. */
export function matchesQuery(entry: JournalEntry, query: Omit<JournalQuery, 'limit' | 'direction'>): boolean {
  const { sinceSeq, untilSeq, since, entryType } = query;
  if (sinceSeq !== undefined && entry.seq <= sinceSeq) return false;
  if (untilSeq !== undefined && entry.seq > untilSeq) return false;
  if (since !== undefined && entry.timestamp < since) return false;
  if (entryType === undefined) return true;
  return typeof entryType === 'string' ? entry.entryType === entryType : entryType.includes(entry.entryType);
}

/** @throws InvalidInputError when the limit is not a whole number of at least 0, or `since` is not an instant */
export function checkQuery(query: JournalQuery): JournalQuery {
  const { limit, since } = query;
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 0)) throw new InvalidInputError('limit', `must be a whole number of at least 0, got ${String(limit)}`);
  if (since === undefined) return query;
  const instant = Date.parse(since);
  if (Number.isNaN(instant)) throw new InvalidInputError('since', `must be an ISO 8601 instant, got ${JSON.stringify(since)}`);
  return { ...query, since: new Date(instant).toISOString() };
}
