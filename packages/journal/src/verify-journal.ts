import { type Clock, type Disk, type IdGenerator, type Logger } from '@cortex-runtime/core';

import { HistoryChecker, type HistoryReport } from './check-history.ts';
import { FileJournal } from './file/file-journal.ts';
import { decodeCheckpoint } from './file/checkpoint-files.ts';
import { readIndex, removeIndex } from './file/index-snapshot.ts';
import { emptyGaps, readKnownGaps, writeKnownGaps, type KnownGaps } from './file/known-gaps.ts';
import { quarantine } from './file/recover-segments.ts';
import { decodeHeader, encodeHeader, headerBytes, listSegments, segmentName, segmentPath } from './file/segment-file.ts';
import { scanLines } from './file/segment-reader.ts';
import { surveySegments, type Damage, type Survey } from './file/survey-segments.ts';
import type { DataDirectoryLock } from './lock/data-directory-lock.ts';

export interface VerifyDeps {
  disk: Disk;
  logger?: Logger;
}

/** A repair writes, so it needs what a writer needs. */
export interface RepairDeps extends VerifyDeps {
  clock: Clock;
  createId: IdGenerator;
  lock: DataDirectoryLock;
}

export interface VerifyReport {
  /** Nothing is damaged or missing, and the history breaks no rule. A torn tail is in order: opening cuts it. */
  isIntact: boolean;
  segments: number;
  entries: number;
  processes: { processId: string; entries: number; hash: string }[];
  damages: Omit<Damage, 'segment'>[];
  tornTail?: Omit<Damage, 'segment'>;
  /** Entries that are missing, by process. */
  gaps: { processId: string; fromSeq: number; toSeq: number }[];
  /** Gaps that an earlier repair left, which are known. */
  repairedGaps: number;
  checkpoints: { intact: number; damaged: number };
  history: HistoryReport;
  /** Set by a repair: where the damaged bytes are kept now. */
  quarantined?: string[];
}

/**
 * Reads a whole journal and checks every byte that counts: hash chains, numbering, pointers, group commits, checkpoints, and that the history keeps its rules.
 * Changes nothing.
 */
export async function verifyJournal(deps: VerifyDeps, directory: string): Promise<VerifyReport> {
  return (await survey(deps.disk, directory)).report;
}

/**
 * Makes a damaged journal open again. Damaged bytes are moved to `quarantine/` and overwritten with spaces, so that every other entry stays where it is; what is
 * lost is written down, in the directory and as a `journal_repaired` entry in the log of each process that lost something.
 *
 * @returns what was found before the repair
 * @throws DataDirectoryLostError when the lock is not held
 */
export async function repairJournal(deps: RepairDeps, directory: string): Promise<VerifyReport> {
  await deps.lock.confirm();
  const { disk } = deps;
  const { report, found, known } = await survey(disk, directory);
  if (report.isIntact || (report.damages.length === 0 && report.gaps.length === 0)) return report;
  const folder = `${directory}/segments`;
  const kept: string[] = [];
  for (const { file: path, segment, offset, length } of found.damages) {
    if (length === 0 && offset !== 0) continue;
    const file = await disk.open(path, 'update');
    try {
      const bytes = await file.read(offset, length);
      if (length > 0) kept.push(await quarantine(disk, directory, `${segmentName(segment)}.${offset}.damaged`, bytes));
      if (offset === 0) await file.write(await headerFor(disk, folder, segment, deps), 0);
      else await file.write(Buffer.from(`${' '.repeat(length - 1)}\n`), offset);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
  await resealShortSegments(disk, folder, found.segments, deps);
  const voided: KnownGaps['void_checkpoints'] = { ...known.void_checkpoints };
  await eachCheckpoint(disk, directory, (record) => {
    if (record !== undefined && record.seq > found.table.seq(record.process_id)) (voided[record.process_id] ??= []).push(record.entry_hash);
  });
  await removeIndex(disk, directory);
  await writeKnownGaps(disk, directory, { ...known, gaps: [...known.gaps, ...found.gaps], void_checkpoints: voided });

  const lost = new Map<string, { lost_from_seq?: number; lost_to_seq?: number }>();
  for (const { process_id, lost_from_seq, lost_to_seq } of found.gaps) lost.set(process_id, { lost_from_seq, lost_to_seq });
  for (const processId of Object.keys(voided)) if (!lost.has(processId)) lost.set(processId, { lost_from_seq: found.table.seq(processId) + 1 });
  const journal = await FileJournal.open(deps, { directory });
  try {
    const names = kept.map((path) => path.slice(directory.length + 1));
    for (const [processId, range] of lost) await journal.append({ processId, entryType: 'journal_repaired', data: { ...range, quarantine: names } });
  } finally {
    await journal.close();
  }
  return { ...report, quarantined: kept };
}

async function survey(disk: Disk, directory: string): Promise<{ report: VerifyReport; found: Survey; known: KnownGaps }> {
  const damages: Damage[] = [];
  let known = emptyGaps();
  try {
    known = await readKnownGaps(disk, directory);
  } catch {
    damages.push({ file: `${directory}/gaps.json`, segment: 0, offset: 0, length: 0, problem: 'the list of removed and repaired entries is not what was written' });
  }
  const history = new HistoryChecker();
  const found = await surveySegments(disk, directory, known, (entry) => history.add(entry));
  const index = await readIndex(disk, directory);
  if (typeof index === 'object') {
    const last = (await disk.stat(segmentPath(`${directory}/segments`, index.segment)))?.size ?? 0;
    const path = segmentPath(`${directory}/segments`, index.segment);
    if (last < index.bytes) found.damages.push({ file: path, segment: index.segment, offset: last, length: 0, problem: `the segment ends here, but ${index.bytes} bytes were on disk` });
    if (found.tornTail !== undefined && found.tornTail.segment <= index.segment && found.tornTail.offset < index.bytes) {
      found.damages.push(found.tornTail); // it was on stable storage when the index was written
      delete found.tornTail;
    }
  }
  const checkpoints = { intact: 0, damaged: 0 };
  await eachCheckpoint(disk, directory, (record, file, offset) => {
    if (record === undefined) checkpoints.damaged += 1;
    else checkpoints.intact += 1;
    const isVoid = record !== undefined && known.void_checkpoints[record.process_id]?.includes(record.entry_hash) === true;
    if (record === undefined || isVoid || record.seq <= found.table.seq(record.process_id)) return;
    found.damages.push({ file, segment: 0, offset, length: 0, problem: `the checkpoint proves that entry ${record.seq} of process ${record.process_id} was on disk, but its log ends at ${found.table.seq(record.process_id)}` });
  });
  const all = [...found.damages, ...damages];
  const report: VerifyReport = {
    isIntact: false,
    segments: found.segments.length,
    entries: found.entries,
    processes: [...found.table.processIds()].map((processId) => ({ processId, entries: found.table.seq(processId), hash: found.table.hash(processId) })),
    damages: all.map(withoutSegment),
    ...(found.tornTail === undefined ? {} : { tornTail: withoutSegment(found.tornTail) }),
    gaps: found.gaps.map(({ process_id, lost_from_seq, lost_to_seq }) => ({ processId: process_id, fromSeq: lost_from_seq, toSeq: lost_to_seq })),
    repairedGaps: known.gaps.length,
    checkpoints,
    history: history.report(),
  };
  const knownLosses = known.gaps.length > 0 || Object.keys(known.anchors).length > 0;
  const violations = report.history.violations.filter(({ rule }) => !knownLosses || (rule !== 'sequence-gap' && rule !== 'event-never-accepted' && rule !== 'outcome-without-intent' && rule !== 'transition-torn'));
  report.history.violations = violations;
  report.isIntact = all.length === 0 && found.gaps.length === 0 && violations.length === 0;
  return { report, found, known };
}

function withoutSegment({ segment: _, ...damage }: Damage): Omit<Damage, 'segment'> {
  return damage;
}

async function eachCheckpoint(disk: Disk, directory: string, onRecord: (record: ReturnType<typeof decodeCheckpoint>, file: string, offset: number) => void): Promise<void> {
  const folder = `${directory}/checkpoints`;
  for (const number of await listSegments(disk, folder)) {
    const path = segmentPath(folder, number);
    const file = await disk.open(path, 'read');
    try {
      await scanLines(file, headerBytes, await file.size(), (text, offset, _length, complete) => onRecord(complete ? decodeCheckpoint(text) : undefined, path, offset));
    } finally {
      await file.close();
    }
  }
}

/** A header for a segment that has lost its own. */
async function headerFor(disk: Disk, folder: string, segment: number, { clock, lock }: RepairDeps): Promise<Uint8Array> {
  const before = (await listSegments(disk, folder)).filter((each) => each < segment).at(-1);
  const bytes = before === undefined ? 0 : ((await disk.stat(segmentPath(folder, before)))?.size ?? 0);
  return Buffer.from(encodeHeader({ v: 1, segment, epoch: lock.epoch, opened_at: new Date(clock.now()).toISOString(), ...(before === undefined ? {} : { after: { segment: before, bytes } }) }));
}

/** Where a segment is shorter or further away than the header after it says, the header is written again. */
async function resealShortSegments(disk: Disk, folder: string, segments: readonly number[], deps: RepairDeps): Promise<void> {
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1];
    if (before === undefined) continue;
    const path = segmentPath(folder, segment);
    const file = await disk.open(path, 'update');
    try {
      const header = decodeHeader(await file.read(0, headerBytes));
      const size = (await disk.stat(segmentPath(folder, before)))?.size ?? 0;
      if (header?.after?.segment === before && header.after.bytes <= size) continue;
      await file.write(await headerFor(disk, folder, segment, deps), 0);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
