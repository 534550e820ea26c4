import type { Disk } from '@cortex-runtime/core';

import { JournalCorruptError } from '../errors.ts';
import type { Location } from './entry-line.ts';
import { readSealed, writeSealed } from './sealed-document.ts';

const fileName = 'gaps.json';

/** The last entry of a process that retention removed. */
export interface Anchor extends Location {
  seq: number;
  hash: string;
}

/** Entries that a repair could not save. */
export interface Gap {
  process_id: string;
  lost_from_seq: number;
  lost_to_seq: number;
  /** The first entry after the gap. */
  resume: Location & { hash: string };
  /** The last entry before it, null when there is none. */
  before: Location | null;
}

/** What is known to be missing from the segments, and why that is in order. */
export interface KnownGaps {
  v: number;
  /** Where the log of a process begins now, for those whose beginning was removed. */
  anchors: Record<string, Anchor>;
  gaps: Gap[];
  /** Checkpoints that a repair gave up, by process: hashes of the entries they belong to. */
  void_checkpoints: Record<string, string[]>;
}

export async function readKnownGaps(disk: Disk, directory: string): Promise<KnownGaps> {
  const found = await readSealed<KnownGaps>(disk, directory, fileName);
  if (found === 'damaged') {
    throw new JournalCorruptError({ file: `${directory}/${fileName}`, offset: 0, problem: 'the list of removed and repaired entries is not what was written' });
  }
  return found === 'absent' ? emptyGaps() : { ...found, anchors: Object.assign(Object.create(null) as object, found.anchors) as Record<string, Anchor> };
}

export function emptyGaps(): KnownGaps {
  return { v: 1, anchors: Object.create(null) as Record<string, Anchor>, gaps: [], void_checkpoints: {} };
}

export const writeKnownGaps = (disk: Disk, directory: string, gaps: KnownGaps) => writeSealed(disk, directory, fileName, gaps);

export const gapKey = ({ segment, offset }: Location) => `${segment}:${offset}`;
