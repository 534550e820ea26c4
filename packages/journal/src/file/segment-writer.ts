import { describeError, type Clock, type Disk, type DiskFile } from '@cortex-runtime/core';

import { JournalClosedError, JournalFailedError } from '../errors.ts';
import type { DataDirectoryLock } from '../lock/data-directory-lock.ts';
import { recordVersion } from './entry-line.ts';
import { encodeHeader, headerBytes, segmentPath } from './segment-file.ts';

/** What reaches the disk with one write and one sync. */
interface Batch {
  segment: number;
  offset: number;
  /** Set when the batch begins a segment. */
  header?: string;
  lines: string[];
  bytes: number;
  settled: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** The place of the next line. */
export interface Place {
  segment: number;
  offset: number;
  /** Set when the line opens a group commit. */
  batch?: number;
}

export interface SegmentWriterOptions {
  directory: string;
  /** A segment that has reached this size is followed by the next one. */
  segmentBytes: number;
  /** Number of the segment that is made with the first line. */
  segment: number;
  /** The last segment that is there already. */
  after?: { segment: number; bytes: number };
  /** Number of the last group commit. */
  batch: number;
  /** Called in the same step in which a segment is left, before anything is placed in the next one. */
  onRotate?: (left: { segment: number; bytes: number }) => void;
}

/** A group commit takes at most this many bytes, so that one sync never waits for an unbounded write. */
const maxBatchBytes = 4 * 1024 * 1024;

/** Turns of the microtask queue in which those who were just acknowledged may join the next group commit: about 3 µs. */
const gatherTurns = 24;

/**
 * Appends lines to numbered segment files: everything that is queued shares one write and one sync.
 *
 * open → failed (a write or sync failed: nothing later is written, the sync is never tried again) or closed.
 * A batch is written only after the one before it is on stable storage, which is what lets recovery tell a torn tail from a damaged middle.
 */
export class SegmentWriter {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #lock: DataDirectoryLock;
  readonly #options: SegmentWriterOptions;
  readonly #queue: Batch[] = [];
  #segment: number;
  #offset = headerBytes;
  #begun = false;
  #after: { segment: number; bytes: number } | undefined;
  #batch: number;
  #open: Batch | undefined;
  #last: Promise<void> = Promise.resolve();
  #running = false;
  #file: DiskFile | undefined;
  #stopped: JournalFailedError | JournalClosedError | undefined;

  constructor(deps: { disk: Disk; clock: Clock; lock: DataDirectoryLock }, options: SegmentWriterOptions) {
    this.#disk = deps.disk;
    this.#clock = deps.clock;
    this.#lock = deps.lock;
    this.#options = options;
    this.#segment = options.segment;
    this.#after = options.after;
    this.#batch = options.batch;
  }

  /** The segment that the next line goes to, and its length with everything that is queued; undefined before the first line. */
  get end(): { segment: number; bytes: number } | undefined {
    return this.#begun ? { segment: this.#segment, bytes: this.#offset } : this.#after;
  }

  get lastBatch(): number {
    return this.#batch;
  }

  assertOpen(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Opens a write: lines pushed until the next call stay in one segment and one group commit. */
  begin(): Place {
    this.assertOpen();
    if (this.#begun && this.#offset >= this.#options.segmentBytes) this.rotate();
    if (this.#open !== undefined && this.#open.bytes < maxBatchBytes) return { segment: this.#segment, offset: this.#offset };
    this.#batch += 1;
    return { segment: this.#segment, offset: this.#offset, batch: this.#batch };
  }

  /** Ends the segment; what comes next begins a new one. */
  rotate(): void {
    if (!this.#begun) return;
    this.#after = { segment: this.#segment, bytes: this.#offset };
    this.#options.onRotate?.(this.#after);
    this.#segment += 1;
    this.#offset = headerBytes;
    this.#begun = false;
    this.#open = undefined;
  }

  /** Queues a line of `bytes` bytes, its end included. Call it in the same step as `begin`; `opensBatch` is whether that gave a batch number. */
  push(line: string, bytes: number, opensBatch: boolean): void {
    const batch = opensBatch || this.#open === undefined ? this.#openBatch() : this.#open;
    batch.lines.push(line);
    batch.bytes += bytes;
    this.#offset += bytes;
  }

  /** Resolves when everything that was queued so far is on stable storage. */
  flushed(): Promise<void> {
    return this.#last;
  }

  async close(): Promise<void> {
    if (this.#stopped === undefined) {
      this.#stopped = new JournalClosedError();
      await this.#last.catch(() => undefined);
    }
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  #openBatch(): Batch {
    const { promise, resolve, reject } = withResolvers();
    promise.catch(() => undefined); // whoever waits is told; nobody has to wait
    const batch: Batch = { segment: this.#segment, offset: this.#offset, lines: [], bytes: 0, settled: promise, resolve, reject };
    if (!this.#begun) {
      batch.header = encodeHeader({
        v: recordVersion,
        segment: this.#segment,
        epoch: this.#lock.epoch,
        opened_at: new Date(this.#clock.now()).toISOString(),
        ...(this.#after === undefined ? {} : { after: this.#after }),
      });
      this.#begun = true;
    }
    this.#open = batch;
    this.#queue.push(batch);
    this.#last = promise;
    if (!this.#running) void this.#commitQueued();
    return batch;
  }

  async #commitQueued(): Promise<void> {
    this.#running = true;
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      for (let turn = 0; turn < gatherTurns; turn += 1) await Promise.resolve();
      this.#queue.shift();
      if (this.#open === batch) this.#open = undefined;
      try {
        await this.#commit(batch);
      } catch (error) {
        this.#fail(error, batch);
        break;
      }
      batch.resolve();
    }
    this.#running = false;
  }

  async #commit(batch: Batch): Promise<void> {
    await this.#lock.confirm();
    const begins = batch.header !== undefined;
    if (begins) {
      await this.#file?.close();
      this.#file = undefined;
      this.#file = await this.#disk.open(segmentPath(this.#options.directory, batch.segment), 'create');
    }
    const file = this.#file as DiskFile;
    batch.lines.push('');
    const text = batch.lines.join('\n');
    await file.write(Buffer.from(begins ? `${batch.header ?? ''}${text}` : text), begins ? 0 : batch.offset);
    await file.datasync();
    if (begins) await this.#disk.syncDirectory(this.#options.directory);
    await this.#lock.confirm();
  }

  #fail(error: unknown, batch: Batch): void {
    const failure = new JournalFailedError(describeError(error), { cause: error });
    this.#stopped = failure;
    this.#open = undefined;
    for (const waiting of [batch, ...this.#queue.splice(0)]) waiting.reject(failure);
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
