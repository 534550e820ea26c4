import type { Disk } from '@cortex-runtime/core';

import { ChainChecker } from './chain-checker.ts';
import { decodeLine, isContinued, lineHash, type Location } from './entry-line.ts';
import { HeadTable } from './head-table.ts';
import type { Gap, KnownGaps } from './known-gaps.ts';
import { isRepaired } from './recover-segments.ts';
import { headerBytes, listSegments, readHeader, segmentPath } from './segment-file.ts';
import { scanLines } from './segment-reader.ts';
import type { JournalEntry } from '../journal-entry.ts';

/** Bytes that are not what was written. */
export interface Damage {
  file: string;
  segment: number;
  /** Bytes from the start of the file. */
  offset: number;
  length: number;
  problem: string;
}

export interface Survey {
  table: HeadTable;
  segments: number[];
  entries: number;
  damages: Damage[];
  /** An interrupted write at the very end; opening the journal cuts it. */
  tornTail?: Damage;
  /** Entries that are missing and that no repair has accounted for yet. */
  gaps: Gap[];
  /** What a former owner wrote after it had lost the directory; it does not count. */
  fencedBytes: number;
}

/** Reads everything, stops at nothing. `onEntry` gets the verified entries in the order of the file. */
export async function surveySegments(disk: Disk, directory: string, known: KnownGaps, onEntry: (entry: JournalEntry) => void): Promise<Survey> {
  const folder = `${directory}/segments`;
  const segments = await listSegments(disk, folder);
  const table = new HeadTable();
  const survey: Survey = { table, segments, entries: 0, damages: [], gaps: [], fencedBytes: 0 };
  const gapsFound: KnownGaps = { ...known, gaps: [...known.gaps] };
  let checker = new ChainChecker(table, gapsFound);
  let lastBatch = 0;

  for (const [index, segment] of segments.entries()) {
    const path = segmentPath(folder, segment);
    const size = (await disk.stat(path))?.size ?? 0;
    const damage = (offset: number, length: number, problem: string) => survey.damages.push({ file: path, segment, offset, length, problem });
    const before = segments[index - 1];
    if (before !== undefined && before !== segment - 1) damage(0, 0, `segments ${before + 1} to ${segment - 1} are missing`);
    const next = segments[index + 1];
    const sealed = next === undefined ? undefined : (await readHeader(disk, segmentPath(folder, next)))?.after?.bytes;
    const counts = Math.min(size, sealed ?? size);
    survey.fencedBytes += size - counts;
    if (sealed !== undefined && size < sealed) damage(size, 0, `the segment ends here, but ${sealed} bytes were on disk`);
    if ((await readHeader(disk, path)) === undefined) damage(0, Math.min(size, headerBytes), 'the segment does not begin with its header');

    let held: { text: string; offset: number; length: number }[] = [];
    const file = await disk.open(path, 'read');
    try {
      await scanLines(file, Math.min(headerBytes, counts), counts, (text, offset, length, complete) => {
        if (complete && isRepaired(text)) return;
        held.push({ text, offset, length });
        if (complete && isContinued(text) && decodeLine(text) !== undefined) return;
        for (const each of complete ? held : held.splice(-1)) {
          if (!complete) {
            damage(each.offset, each.length, 'the line has no end');
            continue;
          }
          let checked = checker.accept(each.text, segment, each.offset);
          const gap = checked.problem === undefined ? undefined : gapBefore(table, each.text, { segment, offset: each.offset });
          if (gap !== undefined) {
            survey.gaps.push(gap);
            gapsFound.gaps.push(gap);
            checker = new ChainChecker(table, gapsFound);
            checked = checker.accept(each.text, segment, each.offset);
          }
          if (checked.problem !== undefined) {
            damage(each.offset, each.length, checked.problem);
            continue;
          }
          survey.entries += 1;
          lastBatch = checked.line.batch ?? lastBatch;
          onEntry(checked.line.entry);
        }
        held = complete ? [] : held;
      });
    } finally {
      await file.close();
    }
    const [first] = held;
    if (first !== undefined) damage(first.offset, held.reduce((sum, { length }) => sum + length, 0), 'a write of several entries is not complete');
    if (next === undefined) takeTornTail(survey, segment, counts);
  }
  for (const [processId, anchor] of Object.entries(known.anchors)) {
    if (table.seq(processId) === 0) table.setHead(processId, anchor.seq, anchor.hash, anchor.segment, anchor.offset);
  }
  return survey;
}

/** The gap that a line implies when entries of its process are missing before it. */
function gapBefore(table: HeadTable, text: string, at: Location): Gap | undefined {
  const line = decodeLine(text);
  const hash = lineHash(text);
  if (line === undefined || hash === undefined) return undefined;
  const { processId, seq } = line.entry;
  const head = table.head(processId);
  if (seq <= (head?.seq ?? 0) + 1) return undefined;
  return {
    process_id: processId,
    lost_from_seq: (head?.seq ?? 0) + 1,
    lost_to_seq: seq - 1,
    resume: { ...at, hash },
    before: head === undefined ? null : { segment: head.segment, offset: head.offset },
  };
}

/** Damage that reaches to the very end with nothing sound behind it is what an interrupted write leaves. */
function takeTornTail(survey: Survey, segment: number, end: number): void {
  let from = end;
  let taken = 0;
  for (const damage of [...survey.damages].reverse()) {
    if (damage.segment !== segment || damage.offset + damage.length !== from || damage.length === 0) break;
    from = damage.offset;
    taken += 1;
  }
  if (taken === 0) return;
  const tail = survey.damages.splice(-taken);
  const [first] = tail;
  if (first !== undefined) survey.tornTail = { ...first, length: end - from };
}
