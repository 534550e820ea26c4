import { hash as hashOnce } from 'node:crypto';

import type { Clock, Disk, JsonValue, Logger } from '@cortex-runtime/core';

import type { Checkpoint } from '../journal.ts';
import type { DataDirectoryLock } from '../lock/data-directory-lock.ts';
import type { CheckpointLocation, HeadTable } from './head-table.ts';
import { headerBytes, listSegments } from './segment-file.ts';
import { scanLines, SegmentFiles } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';

interface CheckpointRecord {
  v: number;
  process_id: string;
  seq: number;
  entry_hash: string;
  timestamp: string;
  /** `<file>:<offset>:<length>` of the one before it. */
  prev?: string;
  state: JsonValue;
}

/** Below this many bytes the files are never rewritten. */
const compactAboveBytes = 16 * 1024 * 1024;

export interface CheckpointFilesDeps {
  disk: Disk;
  clock: Clock;
  lock: DataDirectoryLock;
  logger: Logger;
  table: HeadTable;
}

export interface CheckpointFilesOptions {
  directory: string;
  segmentBytes: number;
  kept: number;
  /** Checkpoints that do not count: hashes of entries by process. */
  isVoid: (processId: string, entryHash: string) => boolean;
}

/**
 * Checkpoints of all processes, appended to shared files so that ten thousand agents that checkpoint together share one sync.
 *
 * Each line has its own checksum: it is there as a whole or not at all, and a damaged one gives way to the one before it. When most of the bytes are
 * outdated, the newest ones of each process are copied to a new file and the old files are removed.
 */
export class CheckpointFiles {
  readonly #deps: CheckpointFilesDeps;
  readonly #options: CheckpointFilesOptions;
  readonly #files: SegmentFiles;
  readonly #writer: SegmentWriter;
  #totalBytes: number;
  #liveBytes: number;
  #numbers: number[];

  private constructor(deps: CheckpointFilesDeps, options: CheckpointFilesOptions, found: { numbers: number[]; totalBytes: number; end: { segment: number; bytes: number } | undefined }) {
    this.#deps = deps;
    this.#options = options;
    this.#files = new SegmentFiles(deps.disk, options.directory);
    this.#numbers = found.numbers;
    this.#totalBytes = found.totalBytes;
    this.#liveBytes = 0;
    for (const id of deps.table.processIds()) this.#liveBytes += deps.table.checkpoint(id)?.length ?? 0;
    this.#writer = new SegmentWriter(deps, {
      directory: options.directory,
      segmentBytes: options.segmentBytes,
      segment: (found.end?.segment ?? 0) + 1,
      batch: 0,
      ...(found.end === undefined ? {} : { after: found.end }),
    });
  }

  /** Folds what was written after a known position into the table. */
  static async open(deps: CheckpointFilesDeps, options: CheckpointFilesOptions, from: { segment: number; bytes: number } | undefined): Promise<CheckpointFiles> {
    const { disk, table } = deps;
    const numbers = await listSegments(disk, options.directory);
    const files = new SegmentFiles(disk, options.directory);
    let totalBytes = 0;
    let end: { segment: number; bytes: number } | undefined;
    for (const number of numbers) {
      const bytes = (await disk.stat(files.path(number)))?.size ?? 0;
      totalBytes += bytes;
      end = { segment: number, bytes };
      if (from !== undefined && number < from.segment) continue;
      const start = from?.segment === number ? from.bytes : headerBytes;
      await files.use(number, (file) => scanLines(file, start, bytes, (text, offset, length, complete) => {
        const record = complete ? decodeCheckpoint(text) : undefined;
        if (record === undefined) {
          deps.logger.warn({ file: files.path(number), offset }, 'passing over a damaged or incomplete checkpoint');
        } else if (record.seq >= table.checkpointSeq(record.process_id) && !options.isVoid(record.process_id, record.entry_hash)) {
          table.setCheckpoint(record.process_id, record.seq, { segment: number, offset, length });
        }
      }));
    }
    await files.close();
    return new CheckpointFiles(deps, options, { numbers, totalBytes, end });
  }

  get end(): { segment: number; bytes: number } {
    return this.#writer.end ?? { segment: 0, bytes: 0 };
  }

  /** True when copying the live checkpoints would free most of the space. */
  get isCompactionDue(): boolean {
    return this.#totalBytes > compactAboveBytes && this.#totalBytes > this.#liveBytes * this.#options.kept * 2;
  }

  /** Queues a checkpoint whose state is JSON text already; `flushed` says when it is on stable storage. */
  write(checkpoint: Omit<Checkpoint, 'state'>, stateJson: string): void {
    const { table } = this.#deps;
    const older = table.checkpoint(checkpoint.processId);
    const location = this.#append(
      {
        v: 1,
        process_id: checkpoint.processId,
        seq: checkpoint.seq,
        entry_hash: checkpoint.hash,
        timestamp: checkpoint.timestamp,
        ...(older === undefined ? {} : { prev: `${older.segment}:${older.offset}:${older.length}` }),
      },
      stateJson,
    );
    this.#liveBytes += location.length - (older?.length ?? 0);
    table.setCheckpoint(checkpoint.processId, checkpoint.seq, location);
  }

  flushed(): Promise<void> {
    return this.#writer.flushed();
  }

  /** The newest intact checkpoint that `isWanted` takes. */
  async read(processId: string, isWanted: (checkpoint: Checkpoint) => boolean): Promise<Checkpoint | undefined> {
    await this.#writer.flushed();
    let location = this.#deps.table.checkpoint(processId);
    while (location !== undefined) {
      const record = await this.#readRecord(location);
      if (record?.process_id !== processId) return this.#search(processId, isWanted);
      const checkpoint = toCheckpoint(record);
      if (isWanted(checkpoint)) return checkpoint;
      location = parsePrevious(record);
    }
    return undefined;
  }

  /** Copies what is needed to a new file and removes the others; `keepIndex` is called between the two. */
  async compact(keepIndex: () => Promise<void>): Promise<void> {
    const { disk, table } = this.#deps;
    const old = this.#numbers.concat(this.#writer.end === undefined ? [] : [this.#writer.end.segment]);
    this.#writer.rotate();
    const firstNew = Math.max(0, ...old) + 1;
    let copied = 0;
    for (const processId of [...table.processIds()]) {
      const chain: CheckpointRecord[] = [];
      let location = table.checkpoint(processId);
      while (location !== undefined && chain.length < this.#options.kept) {
        const record = await this.#readRecord(location);
        if (record === undefined) break;
        if (location.segment < firstNew) chain.unshift(record);
        location = parsePrevious(record);
      }
      let previous: CheckpointLocation | undefined;
      for (const record of chain) {
        const { prev: _, state, ...rest } = record;
        const links = previous === undefined ? {} : { prev: `${previous.segment}:${previous.offset}:${previous.length}` };
        const written: CheckpointLocation = this.#append({ ...rest, ...links }, JSON.stringify(state));
        copied += written.length;
        previous = written;
      }
      const newest = table.checkpoint(processId);
      // A newer one may have been written while we read; it stands, with its predecessor found by search.
      if (previous !== undefined && newest !== undefined && newest.segment < firstNew) table.setCheckpoint(processId, table.checkpointSeq(processId), previous);
    }
    await this.#writer.flushed();
    await keepIndex();
    for (const number of new Set(old)) {
      await this.#files.forget(number);
      await disk.remove(this.#files.path(number));
    }
    await disk.syncDirectory(this.#options.directory);
    this.#numbers = [];
    this.#totalBytes = copied;
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#files.close();
  }

  #append(record: Omit<CheckpointRecord, 'state'>, stateJson: string): CheckpointLocation {
    const place = this.#writer.begin();
    const body = `${JSON.stringify(record).slice(0, -1)},"state":${stateJson}`;
    const line = `${body},"hash":"${hashOnce('sha256', body, 'hex')}"}`;
    const length = Buffer.byteLength(line) + 1;
    this.#writer.push(line, length, place.batch !== undefined);
    this.#totalBytes += length;
    if (this.#numbers.at(-1) !== place.segment) this.#numbers.push(place.segment);
    return { segment: place.segment, offset: place.offset, length };
  }

  async #readRecord({ segment, offset, length }: CheckpointLocation): Promise<CheckpointRecord | undefined> {
    try {
      return await this.#files.use(segment, async (file) => {
        const bytes = await file.read(offset, length - 1);
        return decodeCheckpoint(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // compacted away
      throw error;
    }
  }

  /** Reads every checkpoint there is: only when the newest one is damaged. */
  async #search(processId: string, isWanted: (checkpoint: Checkpoint) => boolean): Promise<Checkpoint | undefined> {
    const { disk, logger } = this.#deps;
    logger.warn({ process_id: processId }, 'the newest checkpoint is damaged; looking for an older one');
    let best: Checkpoint | undefined;
    for (const number of await listSegments(disk, this.#options.directory)) {
      const bytes = (await disk.stat(this.#files.path(number)))?.size ?? 0;
      await this.#files.use(number, (file) => scanLines(file, headerBytes, bytes, (text, _offset, _length, complete) => {
        const record = complete ? decodeCheckpoint(text) : undefined;
        if (record?.process_id !== processId || this.#options.isVoid(processId, record.entry_hash)) return;
        const checkpoint = toCheckpoint(record);
        if ((best === undefined || checkpoint.seq >= best.seq) && isWanted(checkpoint)) best = checkpoint;
      }));
    }
    return best;
  }
}

/** Undefined when the line is not what was written. */
export function decodeCheckpoint(text: string): CheckpointRecord | undefined {
  const hash = /^,"hash":"([0-9a-f]{64})"\}$/.exec(text.slice(-75))?.[1];
  const body = text.slice(0, -75);
  if (hash === undefined || hashOnce('sha256', body, 'hex') !== hash) return undefined;
  const record = JSON.parse(`${body}}`) as CheckpointRecord;
  return record.v === 1 ? record : undefined; // one of another version is left out: the log is folded instead
}

function toCheckpoint(record: CheckpointRecord): Checkpoint {
  return { processId: record.process_id, seq: record.seq, hash: record.entry_hash, timestamp: record.timestamp, state: record.state };
}

function parsePrevious({ prev }: CheckpointRecord): CheckpointLocation | undefined {
  if (prev === undefined) return undefined;
  const [segment = 0, offset = 0, length = 0] = prev.split(':').map(Number);
  return { segment, offset, length };
}
