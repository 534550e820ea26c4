import { hash as hashOnce } from 'node:crypto';

import type { Disk } from '@cortex-runtime/core';

import { JournalFormatError } from '../errors.ts';
import { recordVersion } from './entry-line.ts';

/** Every segment begins with a header of this many bytes, so that it can be repaired in place. */
export const headerBytes = 256;

/** The first line of a segment. */
export interface SegmentHeader {
  /** The newest record version in the segment. */
  v: number;
  segment: number;
  /** Generation of the data directory's lock under which it was opened: the fencing epoch. */
  epoch: number;
  opened_at: string;
  /** The segment before it and how long that one was: what a former owner appends there later does not count. */
  after?: { segment: number; bytes: number };
}

export function segmentName(segment: number): string {
  return `${String(segment).padStart(10, '0')}.jsonl`;
}

export function segmentPath(directory: string, segment: number): string {
  return `${directory}/${segmentName(segment)}`;
}

/** Numbers of the segments in a directory, ascending; none when the directory does not exist. */
export async function listSegments(disk: Disk, directory: string): Promise<number[]> {
  const names = (await disk.stat(directory)) === undefined ? [] : await disk.list(directory);
  return names.flatMap((name) => (/^\d{10}\.jsonl$/.test(name) ? [Number(name.slice(0, 10))] : [])).sort((a, b) => a - b);
}

export function encodeHeader(header: SegmentHeader): string {
  const body = JSON.stringify(header).slice(0, -1);
  return `${`${body},"hash":"${hashOnce('sha256', body, 'hex')}"`.padEnd(headerBytes - 2)}}\n`;
}

/**
 * @returns undefined when the bytes are not a header
 * @throws JournalFormatError when the segment was written by a newer version
 */
export function decodeHeader(bytes: Uint8Array): SegmentHeader | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const found = /^(\{.*),"hash":"([0-9a-f]{64})" *\}\n$/s.exec(text);
  if (text.length !== headerBytes || found?.[1] === undefined || hashOnce('sha256', found[1], 'hex') !== found[2]) return undefined;
  const header = JSON.parse(`${found[1]}}`) as SegmentHeader;
  if (header.v > recordVersion) throw new JournalFormatError(header.v, recordVersion);
  return header;
}

/** The header of a segment on disk, undefined when it is damaged. */
export async function readHeader(disk: Disk, path: string): Promise<SegmentHeader | undefined> {
  const file = await disk.open(path, 'read');
  try {
    return decodeHeader(await file.read(0, headerBytes));
  } finally {
    await file.close();
  }
}
