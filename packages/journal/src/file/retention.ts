import type { Disk, Logger } from '@cortex-runtime/core';

import { decodeLine } from './entry-line.ts';
import type { HeadTable } from './head-table.ts';
import { writeKnownGaps, type Anchor, type KnownGaps } from './known-gaps.ts';
import { headerBytes, listSegments, segmentPath } from './segment-file.ts';
import { scanLines, type SegmentFiles } from './segment-reader.ts';

/**
 * Removes the oldest segments until the rest fits into `maxBytes`, as far as every process with entries there has a checkpoint behind them.
 *
 * The last removed entry of each process is remembered first, so that its chain can still be verified.
 */
export async function removeOldSegments(
  deps: { disk: Disk; logger: Logger; table: HeadTable; known: KnownGaps; files: SegmentFiles },
  directory: string,
  maxBytes: number,
  currentSegment: number,
): Promise<void> {
  const { disk, table, known, files, logger } = deps;
  const folder = `${directory}/segments`;
  const segments = await listSegments(disk, folder);
  const sizes = new Map<number, number>();
  for (const segment of segments) sizes.set(segment, (await disk.stat(segmentPath(folder, segment)))?.size ?? 0);
  let total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  for (const segment of segments) {
    if (total <= maxBytes || segment >= currentSegment) return;
    const bytes = sizes.get(segment) ?? 0;
    const last = new Map<string, Anchor>();
    await files.use(segment, (file) => scanLines(file, headerBytes, bytes, (text, offset) => {
      const entry = decodeLine(text)?.entry;
      if (entry !== undefined) last.set(entry.processId, { segment, offset, seq: entry.seq, hash: entry.hash });
    }));
    for (const [processId, { seq }] of last) {
      if (table.checkpointSeq(processId) >= seq) continue;
      logger.debug({ segment, process_id: processId }, 'a full journal keeps an old segment: a process has no checkpoint behind it');
      return;
    }
    for (const [processId, anchor] of last) known.anchors[processId] = anchor;
    await writeKnownGaps(disk, directory, known);
    await files.forget(segment);
    await disk.remove(segmentPath(folder, segment));
    await disk.syncDirectory(folder);
    total -= bytes;
    logger.info({ segment, bytes }, 'removed an old segment of the journal');
  }
}
