import type { Disk, DiskFile } from '@cortex-runtime/core';

import { segmentPath } from './segment-file.ts';

const chunkBytes = 256 * 1024;
const maxOpenFiles = 32;

/** Called for every line. `complete` is false for bytes at the end that no line end follows. Returning false ends the scan. */
export type OnLine = (text: string, offset: number, length: number, complete: boolean) => boolean | void;

/** Reads every line of a file from `from` up to `to`; lengths include the line end. */
export async function scanLines(file: DiskFile, from: number, to: number, onLine: OnLine): Promise<void> {
  for (let position = from; position < to; ) {
    const chunk = await readLines(file, position, to);
    if (eachLine(chunk, onLine) === false || chunk.bytes.length === 0) return;
    position = chunk.offset + chunk.bytes.length;
  }
}

/** Whole lines, and what follows the last one at the end of what is to be read. */
export interface LinesChunk {
  bytes: Buffer;
  offset: number;
}

/** A quarter of a megabyte of whole lines from `from`. Empty when the file ends there. */
export async function readLines(file: DiskFile, from: number, to: number): Promise<LinesChunk> {
  if (from >= to) return { bytes: Buffer.alloc(0), offset: from };
  for (let length = chunkBytes; ; length *= 4) {
    const wanted = Math.min(length, to - from);
    const read = await file.read(from, wanted);
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.length);
    if (wanted === to - from || read.length < wanted) return { bytes, offset: from };
    const end = bytes.lastIndexOf(10);
    if (end !== -1) return { bytes: bytes.subarray(0, end + 1), offset: from };
  }
}

/** @returns false when `onLine` wanted no more */
export function eachLine({ bytes, offset }: LinesChunk, onLine: OnLine): boolean {
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    if (onLine(bytes.toString('utf8', start, end), offset + start, end + 1 - start, true) === false) return false;
    start = end + 1;
  }
  return start === bytes.length || onLine(bytes.toString('utf8', start), offset + start, bytes.length - start, false) !== false;
}

interface OpenSegment {
  file: Promise<DiskFile>;
  users: number;
}

/** Keeps the files that were read last open, so that waking an agent costs one read. */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #open = new Map<number, OpenSegment>();
  #isClosed = false;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  path(segment: number): string {
    return segmentPath(this.#directory, segment);
  }

  async use<T>(segment: number, read: (file: DiskFile) => Promise<T>): Promise<T> {
    let found = this.#open.get(segment);
    if (found === undefined) {
      found = { file: this.#disk.open(this.path(segment), 'read'), users: 0 };
    } else {
      this.#open.delete(segment); // it becomes the one that was used last
    }
    this.#open.set(segment, found);
    found.users += 1;
    try {
      return await read(await found.file);
    } catch (error) {
      await found.file.catch(() => this.#open.delete(segment));
      throw error;
    } finally {
      found.users -= 1;
      if (found.users === 0 && this.#open.get(segment) !== found) await found.file.then((file) => file.close(), () => undefined);
      else await this.#closeUnused(this.#isClosed ? 0 : maxOpenFiles);
    }
  }

  async forget(segment: number): Promise<void> {
    const found = this.#open.get(segment);
    this.#open.delete(segment);
    if (found !== undefined && found.users === 0) await (await found.file).close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closeUnused(0);
  }

  async #closeUnused(keep: number): Promise<void> {
    for (const [segment, { file, users }] of this.#open) {
      if (this.#open.size <= keep) return;
      if (users > 0) continue;
      this.#open.delete(segment);
      await (await file).close();
    }
  }
}

const blockBytes = 32 * 1024;

/** Reads lines by their offsets, towards the start of the log: neighbours come from one block. */
export class BackwardReader {
  readonly #files: SegmentFiles;
  #block: { segment: number; offset: number; bytes: Buffer } | undefined;

  constructor(files: SegmentFiles) {
    this.#files = files;
  }

  /** The line at `offset` without its end; undefined when no line end follows. */
  async line(segment: number, offset: number): Promise<string | undefined> {
    const block = this.#block;
    if (block?.segment === segment && offset >= block.offset && offset < block.offset + block.bytes.length) {
      const end = block.bytes.indexOf(10, offset - block.offset);
      if (end !== -1) return block.bytes.toString('utf8', offset - block.offset, end);
    }
    return this.#files.use(segment, async (file) => {
      const from = Math.max(0, offset - blockBytes / 2);
      for (let length = offset - from + blockBytes / 2; ; length *= 4) {
        const read = await file.read(from, length);
        const bytes = Buffer.from(read.buffer, read.byteOffset, read.length);
        const end = offset - from <= bytes.length ? bytes.indexOf(10, offset - from) : -1;
        if (end !== -1) {
          this.#block = { segment, offset: from, bytes };
          return bytes.toString('utf8', offset - from, end);
        }
        if (read.length < length) return undefined;
      }
    });
  }
}
