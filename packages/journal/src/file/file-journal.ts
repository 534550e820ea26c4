import { assertJsonValue, describeError, InvalidInputError, silentLogger, type Clock, type Disk, type IdGenerator, type JsonObject, type JsonValue, type Logger } from '@cortex-runtime/core';
import { z } from 'zod';

import { JournalClosedError, JournalCorruptError } from '../errors.ts';
import type { JournalEntry, NewJournalEntry } from '../journal-entry.ts';
import type { Checkpoint, Journal, JournalHead, JournalQuery, PendingWrite } from '../journal.ts';
import type { DataDirectoryLock } from '../lock/data-directory-lock.ts';
import { makeDurableDirectory } from '../make-durable-directory.ts';
import { checkQuery } from '../matches-query.ts';
import { checkNewEntries, isoInstants } from '../new-entries.ts';
import { eachOf } from './each-of.ts';
import { CheckpointFiles } from './checkpoint-files.ts';
import { encodeLine, zeroHash } from './entry-line.ts';
import { EntryReader } from './entry-reader.ts';
import { HeadTable } from './head-table.ts';
import { readIndex, restoreSnapshot, takeSnapshot, writeIndex, type IndexSnapshot } from './index-snapshot.ts';
import { readKnownGaps, type KnownGaps } from './known-gaps.ts';
import { recoverSegments, type RecoveryReport } from './recover-segments.ts';
import { removeOldSegments } from './retention.ts';
import { listSegments, segmentPath } from './segment-file.ts';
import { SegmentFiles } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface FileJournalDeps {
  disk: Disk;
  clock: Clock;
  createId: IdGenerator;
  /** Proof that nobody else writes here: `openDataDirectoryLock`. */
  lock: DataDirectoryLock;
  logger?: Logger;
  /** Takes secret values out of `data`, and out of the state of a checkpoint, before anything is hashed or written. */
  redact?: (data: JsonObject) => JsonObject;
}

/** Where a journal is kept, and how much of it. */
export const FileJournalOptions = z.strictObject({
  directory: z.string().min(1),
  /** A segment that has reached this many bytes is followed by the next one. */
  segmentBytes: z.int().min(1024).default(32 * 1024 * 1024),
  /** Bytes of the longest entry. */
  maxEntryBytes: z.int().min(1024).default(16 * 1024 * 1024),
  /** Checkpoints of one process that are kept at least. */
  checkpointsKept: z.int().min(1).default(2),
  /** Old segments are removed above this size, as far as checkpoints make them unnecessary; everything is kept when left out. */
  maxBytes: z.int().min(1024).optional(),
});
export type FileJournalOptions = z.input<typeof FileJournalOptions>;

/** Opening reads again what an index would have saved; beyond this many entries a new one is worth writing at once. */
const indexAfterEntries = 20_000;

/**
 * A journal in one directory: JSON Lines in numbered segments that all processes share, so that a hundred agents share one sync.
 *
 * open → failed (a write failed; see {@link Journal}) → closed. Every read verifies the hash chain of what it returns.
 */
export class FileJournal implements Journal {
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  readonly #deps: FileJournalDeps & { logger: Logger };
  readonly #settings: z.output<typeof FileJournalOptions>;
  readonly #table: HeadTable;
  readonly #known: KnownGaps;
  readonly #files: SegmentFiles;
  readonly #reader: EntryReader;
  readonly #checkpoints: CheckpointFiles;
  readonly #writer: SegmentWriter;
  readonly #timestamp: () => string;
  #maintenance: Promise<void> = Promise.resolve();
  #isCompacting = false;
  #isChanged = false;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  private constructor(
    deps: FileJournalDeps & { logger: Logger },
    settings: z.output<typeof FileJournalOptions>,
    opened: { table: HeadTable; known: KnownGaps; checkpoints: CheckpointFiles; report: RecoveryReport; end: { segment: number; bytes: number } | undefined; batch: number },
  ) {
    const folder = `${settings.directory}/segments`;
    this.#deps = deps;
    this.#settings = settings;
    this.#table = opened.table;
    this.#known = opened.known;
    this.#checkpoints = opened.checkpoints;
    this.recovery = opened.report;
    this.#files = new SegmentFiles(deps.disk, folder);
    this.#reader = new EntryReader(deps.disk, folder, this.#files, opened.known);
    this.#timestamp = isoInstants(deps.clock);
    this.#writer = new SegmentWriter(deps, {
      directory: folder,
      segmentBytes: settings.segmentBytes,
      segment: (opened.end?.segment ?? 0) + 1,
      batch: opened.batch,
      ...(opened.end === undefined ? {} : { after: opened.end }),
      onRotate: (left) => this.#keepHouse(left),
    });
  }

  /**
   * Opens a journal, or makes a new one. What a crash left half-written is cut and kept aside; see `recovery`.
   *
   * @throws JournalCorruptError when bytes that were on stable storage are not what was written
   * @throws JournalFormatError when a newer version wrote it
   */
  static async open(given: FileJournalDeps, options: FileJournalOptions): Promise<FileJournal> {
    const settings = FileJournalOptions.parse(options);
    const deps = { ...given, logger: given.logger ?? silentLogger };
    const { disk, logger } = deps;
    const { directory } = settings;
    for (const path of [directory, `${directory}/segments`, `${directory}/checkpoints`]) await makeDurableDirectory(disk, path);
    const known = await readKnownGaps(disk, directory);
    const index = await readIndex(disk, directory);
    if (index === 'damaged') logger.warn({ directory }, 'the index of the journal is damaged; reading all segments instead');
    const segments = await listSegments(disk, `${directory}/segments`);
    const snapshot = typeof index === 'object' ? index : undefined;
    const table = new HeadTable();
    if (snapshot !== undefined) restoreSnapshot(table, snapshot);
    const report: RecoveryReport = { scannedEntries: 0, usedIndex: snapshot !== undefined, cutBytes: 0, cutEntries: 0 };
    const { end, batch } = await recoverSegments({ disk, logger, table, known, report }, directory, segments, snapshot);
    for (const [processId, anchor] of Object.entries(known.anchors)) {
      if (table.seq(processId) === 0) table.setHead(processId, anchor.seq, anchor.hash, anchor.segment, anchor.offset);
    }
    const checkpoints = await CheckpointFiles.open(
      { ...deps, table },
      {
        directory: `${directory}/checkpoints`,
        segmentBytes: settings.segmentBytes,
        kept: settings.checkpointsKept,
        isVoid: (processId, entryHash) => known.void_checkpoints[processId]?.includes(entryHash) ?? false,
      },
      snapshot === undefined ? undefined : { segment: snapshot.checkpoint_file, bytes: snapshot.checkpoint_bytes },
    );
    for (const processId of table.processIds()) {
      if (table.checkpointSeq(processId) <= table.seq(processId)) continue;
      const problem = `process ${processId} ends at entry ${table.seq(processId)}, but its checkpoint proves that entry ${table.checkpointSeq(processId)} was on disk`;
      throw new JournalCorruptError({ file: segmentPath(`${directory}/segments`, end?.segment ?? 1), offset: end?.bytes ?? 0, problem });
    }
    const journal = new FileJournal(deps, settings, { table, known, checkpoints, report, end, batch });
    if (report.scannedEntries > indexAfterEntries && end !== undefined) journal.#keepHouse(end);
    return journal;
  }

  heads(): Promise<JournalHead[]> {
    return this.#reading(() => Promise.resolve([...this.#table.processIds()].filter((id) => this.#table.seq(id) > 0).map((id) => this.#headOf(id))));
  }

  head(processId: string): Promise<JournalHead> {
    return this.#reading(() => Promise.resolve(this.#headOf(processId)));
  }

  write(given: readonly NewJournalEntry[]): PendingWrite {
    this.#writer.assertOpen();
    const processId = checkNewEntries(given);
    const table = this.#table;
    const place = this.#writer.begin();
    const timestamp = this.#timestamp();
    const head = table.head(processId);
    let { seq, hash } = head ?? { seq: 0, hash: zeroHash };
    let prev = head === undefined ? undefined : { segment: head.segment, offset: head.offset };
    let { offset } = place;
    const lines: string[] = [];
    const lengths: number[] = [];
    const entries: JournalEntry[] = [];
    const last = given.length - 1;
    for (let index = 0; index <= last; index += 1) {
      const { entryType, runId, cause, data: asGiven } = given[index] as NewJournalEntry;
      seq += 1;
      const data = this.#deps.redact === undefined ? asGiven : this.#deps.redact(asGiven);
      const entry: JournalEntry = { seq, id: this.#deps.createId(), processId, timestamp, entryType, data, hash };
      if (runId !== undefined) entry.runId = runId;
      if (cause !== undefined) entry.cause = cause;
      const encoded = encodeLine(entry, prev, index === 0 ? place.batch : undefined, index < last, hash);
      const bytes = Buffer.byteLength(encoded.line) + 1;
      if (bytes > this.#settings.maxEntryBytes) {
        throw new InvalidInputError('data', `makes an entry of ${bytes} bytes (${entryType} of process ${processId}); the journal takes up to ${this.#settings.maxEntryBytes}: keep large content elsewhere and record where`);
      }
      ({ hash } = encoded);
      entry.hash = hash;
      entries.push(entry);
      lines.push(encoded.line);
      lengths.push(bytes);
      prev = { segment: place.segment, offset };
      offset += bytes;
    }
    for (let index = 0; index <= last; index += 1) this.#writer.push(lines[index] ?? '', lengths[index] ?? 0, index === 0 && place.batch !== undefined);
    table.setHead(processId, seq, hash, place.segment, prev?.offset ?? place.offset);
    this.#isChanged = true;
    return { entries, durable: this.#writer.flushed() };
  }

  async append(entry: NewJournalEntry): Promise<JournalEntry> {
    const { entries, durable } = this.write([entry]);
    await durable;
    return entries[0] as JournalEntry;
  }

  read(processId: string, given: JournalQuery = {}): Promise<JournalEntry[]> {
    return this.#reading(async () => {
      const query = checkQuery(given);
      const { limit = Number.POSITIVE_INFINITY } = query;
      const head = this.#table.head(processId);
      await this.#writer.flushed();
      if (head === undefined || limit === 0) return [];
      if (query.direction !== 'forward' && Number.isFinite(limit)) return this.#reader.newest(processId, head, query, limit);
      const found: JournalEntry[] = [];
      for await (const entries of this.#reader.scan(processId, head, query)) {
        for (const entry of entries) found.push(entry);
        if (found.length >= limit) return found.slice(0, limit);
      }
      return found;
    });
  }

  scan(processId: string, query: Omit<JournalQuery, 'limit' | 'direction'> = {}): AsyncIterable<JournalEntry> {
    return eachOf(this.#scan(processId, query));
  }

  async *#scan(processId: string, query: Omit<JournalQuery, 'limit' | 'direction'>): AsyncGenerator<JournalEntry[]> {
    this.#assertReadable();
    const head = this.#table.head(processId);
    await this.#writer.flushed();
    if (head !== undefined) yield* this.#reader.scan(processId, head, checkQuery(query));
  }

  async checkpoint(processId: string, { seq, hash, state }: { seq: number; hash: string; state: JsonValue }): Promise<void> {
    this.#writer.assertOpen();
    assertJsonValue(state, 'state');
    // Taken now: the caller may go on changing its state.
    const isObject = typeof state === 'object' && state !== null && !Array.isArray(state);
    const stateJson = JSON.stringify(isObject && this.#deps.redact !== undefined ? this.#deps.redact(state as JsonObject) : state);
    await this.#assertInLog(processId, seq, hash);
    await this.#writer.flushed(); // a checkpoint on disk proves that its entry is
    if (seq < this.#table.checkpointSeq(processId)) return; // a later one was faster
    this.#isChanged = true;
    this.#checkpoints.write({ processId, seq, hash, timestamp: this.#timestamp() }, stateJson);
    await this.#checkpoints.flushed();
    if (!this.#isCompacting && !this.#isClosed && this.#checkpoints.isCompactionDue) this.#compact();
  }

  lastCheckpoint(processId: string, untilSeq = Number.POSITIVE_INFINITY): Promise<Checkpoint | undefined> {
    return this.#reading(() => this.#checkpoints.read(processId, ({ seq, hash }) => {
      if (seq > untilSeq || seq > this.#table.seq(processId)) return false;
      return seq < this.#table.seq(processId) || hash === this.#table.hash(processId);
    }));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    const end = this.#writer.end;
    const wasOpen = !this.#hasFailed();
    if (wasOpen && end !== undefined && (this.#isChanged || !this.recovery.usedIndex || this.recovery.scannedEntries > 0)) this.#keepHouse(end);
    await this.#writer.close();
    await this.#maintenance;
    await this.#checkpoints.close();
    await this.#files.close();
  }

  #hasFailed(): boolean {
    try {
      this.#writer.assertOpen();
      return false;
    } catch {
      return true;
    }
  }

  #headOf(processId: string): JournalHead {
    return { processId, seq: this.#table.seq(processId), hash: this.#table.hash(processId), checkpointSeq: this.#table.checkpointSeq(processId) };
  }

  #assertReadable(): void {
    if (this.#isClosed) throw new JournalClosedError();
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    this.#assertReadable();
    return read();
  }

  async #assertInLog(processId: string, seq: number, hash: string): Promise<void> {
    const head = this.#headOf(processId);
    if (!Number.isInteger(seq) || seq < 1 || seq > head.seq) throw new InvalidInputError('seq', `must be of an entry in the log of process ${processId}, which ends at ${head.seq}; got ${seq}`);
    const found = seq === head.seq ? head.hash : (await this.read(processId, { sinceSeq: seq - 1, untilSeq: seq }))[0]?.hash;
    if (found !== hash) throw new InvalidInputError('hash', `is not the hash of entry ${seq} of process ${processId}`);
  }

  /** Notes where every log ends, once all before `at` is on disk; then removes what is not needed any more. Never in the way of a write. */
  #keepHouse(at: { segment: number; bytes: number }): void {
    const snapshot = this.#snapshot(at);
    const settled = Promise.all([this.#writer.flushed(), this.#checkpoints.flushed()]);
    this.#inBackground(async () => {
      await settled;
      await writeIndex(this.#deps.disk, this.#settings.directory, snapshot);
      const { maxBytes } = this.#settings;
      if (maxBytes !== undefined) {
        const { table, files, known } = { table: this.#table, files: this.#files, known: this.#known };
        await removeOldSegments({ ...this.#deps, table, files, known }, this.#settings.directory, maxBytes, at.segment);
      }
    });
  }

  #compact(): void {
    this.#isCompacting = true;
    this.#inBackground(async () => {
      try {
        await this.#checkpoints.compact(async () => {
          const end = this.#writer.end;
          if (end === undefined) return;
          const snapshot = this.#snapshot(end);
          await Promise.all([this.#writer.flushed(), this.#checkpoints.flushed()]);
          await writeIndex(this.#deps.disk, this.#settings.directory, snapshot);
        });
      } finally {
        this.#isCompacting = false;
      }
    });
  }

  #snapshot({ segment, bytes }: { segment: number; bytes: number }): IndexSnapshot {
    const checkpoints = this.#checkpoints.end;
    return takeSnapshot(this.#table, { segment, bytes, batch: this.#writer.lastBatch, checkpoint_file: checkpoints.segment, checkpoint_bytes: checkpoints.bytes });
  }

  #inBackground(work: () => Promise<void>): void {
    const workAsOwner = async () => {
      await this.#deps.lock.confirm(); // a former owner must not replace the index of the next one
      await work();
    };
    this.#maintenance = this.#maintenance.then(workAsOwner).catch((error: unknown) => {
      // Nothing is lost: the next opening reads more, or the files stay larger.
      this.#deps.logger.warn({ directory: this.#settings.directory, problem: describeError(error) }, 'could not tidy the journal');
    });
  }
}
