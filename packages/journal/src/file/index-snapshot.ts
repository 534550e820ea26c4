import type { Disk } from '@cortex-runtime/core';

import { readSealed, writeSealed } from './sealed-document.ts';
import type { HeadTable } from './head-table.ts';

const fileName = 'index.json';

/** `[process id, seq, hash, segment, offset, checkpoint seq, checkpoint file, checkpoint offset, checkpoint length]` */
type Row = [string, number, string, number, number, number, number, number, number];

/** Where every log ended when everything before a position was on stable storage. It only saves time: without it the segments are read from their start. */
export interface IndexSnapshot {
  v: number;
  /** Up to here the segments are folded in. */
  segment: number;
  bytes: number;
  batch: number;
  /** Up to here the checkpoint files are folded in. */
  checkpoint_file: number;
  checkpoint_bytes: number;
  processes: Row[];
}

export function takeSnapshot(table: HeadTable, at: Omit<IndexSnapshot, 'v' | 'processes'>): IndexSnapshot {
  const processes: Row[] = [];
  for (const id of table.processIds()) {
    const head = table.head(id);
    const checkpoint = table.checkpoint(id);
    processes.push([
      id, head?.seq ?? 0, head?.hash ?? '', head?.segment ?? 0, head?.offset ?? 0,
      table.checkpointSeq(id), checkpoint?.segment ?? 0, checkpoint?.offset ?? 0, checkpoint?.length ?? 0,
    ]);
  }
  return { v: 1, ...at, processes };
}

export function restoreSnapshot(table: HeadTable, snapshot: IndexSnapshot): void {
  for (const [id, seq, hash, segment, offset, checkpointSeq, file, checkpointOffset, length] of snapshot.processes) {
    if (seq > 0) table.setHead(id, seq, hash, segment, offset);
    if (checkpointSeq > 0) table.setCheckpoint(id, checkpointSeq, { segment: file, offset: checkpointOffset, length });
  }
}

export const writeIndex = (disk: Disk, directory: string, snapshot: IndexSnapshot) => writeSealed(disk, directory, fileName, snapshot);

/** A snapshot of another version is as good as none. */
export async function readIndex(disk: Disk, directory: string): Promise<IndexSnapshot | 'absent' | 'damaged'> {
  const found = await readSealed<IndexSnapshot>(disk, directory, fileName);
  return typeof found === 'object' && found.v !== 1 ? 'absent' : found;
}

export const removeIndex = (disk: Disk, directory: string) => disk.remove(`${directory}/${fileName}`);
