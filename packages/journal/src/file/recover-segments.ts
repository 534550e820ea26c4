import { type Disk, type Logger } from '@cortex-runtime/core';

import { JournalCorruptError } from '../errors.ts';
import { makeDurableDirectory } from '../make-durable-directory.ts';
import { ChainChecker } from './chain-checker.ts';
import { decodeLine, isContinued, lineBatch, zeroHash } from './entry-line.ts';
import type { HeadTable } from './head-table.ts';
import type { KnownGaps } from './known-gaps.ts';
import { headerBytes, readHeader, segmentName, segmentPath } from './segment-file.ts';
import { scanLines } from './segment-reader.ts';

/** What opening a journal found and did. */
export interface RecoveryReport {
  /** Lines that were read and verified. */
  scannedEntries: number;
  /** Whether the index snapshot saved reading the rest. */
  usedIndex: boolean;
  /** Bytes of a write that a crash interrupted; none of them was acknowledged. */
  cutBytes: number;
  /** Complete lines among them. */
  cutEntries: number;
  /** Where the cut bytes are kept. */
  quarantineFile?: string;
}

export interface SegmentsEnd {
  /** The last segment and how much of it counts; undefined when there is none. */
  end: { segment: number; bytes: number } | undefined;
  batch: number;
}

/** Where to begin: what an index snapshot has folded in. */
export interface KnownPosition {
  segment: number;
  bytes: number;
  batch: number;
}

/**
 * Reads the segments from a known position to their end, verifies every chain, and cuts what an interrupted write left.
 *
 * How a torn tail is told from a damaged middle: a group commit is written only after the one before it was synced. So bytes that are followed by a line that
 * opens a later group commit, or by another segment, were on stable storage: damage there is refused. Bytes of the last group commit, which nothing
 * proves to have been synced, are cut and kept aside.
 *
 * @throws JournalCorruptError when bytes that were on stable storage are not what was written
 */
export async function recoverSegments(
  deps: { disk: Disk; logger: Logger; table: HeadTable; known: KnownGaps; report: RecoveryReport },
  directory: string,
  segments: readonly number[],
  from: KnownPosition | undefined,
): Promise<SegmentsEnd> {
  const { disk, table, report } = deps;
  const folder = `${directory}/segments`;
  const checker = new ChainChecker(table, deps.known);
  let batch = from?.batch ?? 0;
  let end: { segment: number; bytes: number } | undefined;

  const todo = from === undefined ? segments : segments.filter((segment) => segment >= from.segment);
  if (from !== undefined && todo[0] !== from.segment) {
    throw new JournalCorruptError({ file: segmentPath(folder, from.segment), offset: 0, problem: 'the segment is missing' });
  }
  for (const [index, segment] of todo.entries()) {
    const path = segmentPath(folder, segment);
    const next = todo[index + 1];
    const size = (await disk.stat(path))?.size ?? 0;
    const header = await readHeader(disk, path);
    if (header === undefined || header.segment !== segment) {
      const problem = 'the segment does not begin with its header';
      // The line after the header opens a group commit that the header belongs to; only one further on proves that both were synced.
      if (next !== undefined || from?.segment === segment || (await opensLaterBatch(disk, path, headerBytes, size, batch))) throw new JournalCorruptError({ file: path, offset: 0, problem });
      await setAside(deps, directory, segment, 0, size);
      break;
    }
    if (index > 0 && header.after?.segment !== todo[index - 1]) {
      throw new JournalCorruptError({ file: path, offset: 0, problem: `the segment follows ${header.after?.segment ?? 'none'}, but the one before it in the directory is ${todo[index - 1] ?? 'none'}` });
    }
    // What a former owner appended after the next owner had begun does not count.
    let counts = size;
    if (next !== undefined) {
      const sealed = (await readHeader(disk, segmentPath(folder, next)))?.after?.bytes;
      if (sealed !== undefined && size < sealed) throw new JournalCorruptError({ file: path, offset: size, problem: `the segment ends here, but ${sealed} bytes were on disk` });
      if (sealed !== undefined && size > sealed) deps.logger.warn({ file: path, offset: sealed, bytes: size - sealed }, 'ignoring what a former owner wrote after it had lost the data directory');
      counts = sealed ?? size;
    }
    const start = from?.segment === segment ? from.bytes : headerBytes;
    if (counts < start) throw new JournalCorruptError({ file: path, offset: counts, problem: `the segment ends here, but ${start} bytes were on disk` });

    const file = await disk.open(path, 'read');
    let position = start;
    let damage: { offset: number; problem: string } | undefined;
    // Lines of a write of several entries; they count when its last one is there.
    let held: { text: string; offset: number }[] = [];
    const take = (lines: typeof held): boolean => {
      const before = lines.length === 1 ? undefined : lines.map(({ text }) => headBefore(table, text));
      for (const { text, offset } of lines) {
        const checked = checker.accept(text, segment, offset);
        if (checked.problem !== undefined) {
          damage = { offset, problem: checked.problem };
          for (const restore of before?.reverse() ?? []) restore(); // the first lines of the write do not count without the others
          return false;
        }
      }
      report.scannedEntries += lines.length;
      batch = Math.max(batch, batchOf(lines));
      return true;
    };
    try {
      await scanLines(file, start, counts, (text, offset, length, complete) => {
        if (!complete) {
          damage = { offset, problem: 'the line has no end' };
          return false;
        }
        if (isRepaired(text)) {
          position = offset + length;
          return true;
        }
        held.push({ text, offset });
        if (isContinued(text) && decodeLine(text) !== undefined) return true;
        if (!take(held)) return false;
        held = [];
        position = offset + length;
        return true;
      });
    } finally {
      await file.close();
    }
    if (damage === undefined && held.length > 0) damage = { offset: position, problem: 'a write of several entries is not complete' };
    if (damage !== undefined) {
      const opened = Math.max(batch, batchOf(held));
      if (next !== undefined || (await opensLaterBatch(disk, path, damage.offset, counts, opened))) throw new JournalCorruptError({ file: path, ...damage });
      await setAside(deps, directory, segment, position, size);
    }
    end = { segment, bytes: position };
  }
  return { end, batch };
}

/** The last group commit that is opened by one of these lines; 0 when none is. */
function batchOf(lines: readonly { text: string }[]): number {
  return lines.reduce((latest, { text }) => Math.max(latest, lineBatch(text) ?? 0), 0);
}

/** Puts the head of the line's process back to what it is now. */
function headBefore(table: HeadTable, text: string): () => void {
  const processId = decodeLine(text)?.entry.processId;
  if (processId === undefined) return () => undefined;
  const { seq, hash, segment, offset } = table.head(processId) ?? { seq: 0, hash: zeroHash, segment: 0, offset: 0 };
  return () => table.setHead(processId, seq, hash, segment, offset);
}

/** A repair overwrites what it takes away with spaces, so that every offset stays. What a blank line hides, the chains show. */
export function isRepaired(text: string): boolean {
  return /^ *$/.test(text);
}

/** Is there a line after `from` that was written after `batch` had been synced? */
async function opensLaterBatch(disk: Disk, path: string, from: number, to: number, batch: number): Promise<boolean> {
  const file = await disk.open(path, 'read');
  let found = false;
  try {
    await scanLines(file, from, to, (text, offset, _length, complete) => {
      if (offset > from && complete && (decodeLine(text)?.batch ?? 0) > batch) found = true;
      return !found;
    });
  } finally {
    await file.close();
  }
  return found;
}

/** Moves the end of a segment out of the way. */
async function setAside({ disk, logger, report }: { disk: Disk; logger: Logger; report: RecoveryReport }, directory: string, segment: number, from: number, size: number): Promise<void> {
  if (from === size && from > 0) return;
  const path = segmentPath(`${directory}/segments`, segment);
  const file = await disk.open(path, 'update');
  try {
    const bytes = await file.read(from, size - from);
    const kept = await quarantine(disk, directory, `${segmentName(segment)}.${from}.torn`, bytes);
    if (from > 0) {
      await file.truncate(from);
      await file.datasync();
    }
    report.cutBytes += bytes.length;
    report.cutEntries += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').split('\n').filter((line) => decodeLine(line) !== undefined).length;
    report.quarantineFile = kept;
  } finally {
    await file.close();
  }
  if (from === 0) {
    await disk.remove(path);
    await disk.syncDirectory(`${directory}/segments`);
  }
  logger.warn({ file: path, offset: from, bytes: report.cutBytes, entries: report.cutEntries, kept: report.quarantineFile }, 'cut what an interrupted write left; none of it was acknowledged');
}

/** Keeps bytes for a person to look at. */
export async function quarantine(disk: Disk, directory: string, name: string, bytes: Uint8Array): Promise<string> {
  await makeDurableDirectory(disk, `${directory}/quarantine`);
  const path = `${directory}/quarantine/${name}`;
  const file = await disk.open(path, 'write');
  try {
    await file.write(bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(`${directory}/quarantine`);
  return path;
}
