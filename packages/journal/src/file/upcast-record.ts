import { JournalFormatError } from '../errors.ts';

export type Upcaster = (old: { v: number }) => { v: number };

/** For each old version of a record, how it becomes the next one. Version 1 is the first, so there is none yet. */
const upcasters: Readonly<Record<number, Upcaster>> = {};

/**
 * An old record in the newest shape. Files are never rewritten: this happens whenever an old record is read.
 *
 * @throws JournalFormatError when there is no way from the record's version to a newer one
 */
export function upcastRecord(record: { v: number }, table: Readonly<Record<number, Upcaster>> = upcasters, newest = 1): { v: number } {
  let current = record;
  while (current.v !== newest) {
    const next = table[current.v];
    if (next === undefined) throw new JournalFormatError(record.v, newest);
    current = next(current);
  }
  return current;
}
