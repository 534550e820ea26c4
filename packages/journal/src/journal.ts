import type { JsonValue } from '@cortex-runtime/core';

import type { JournalEntry, NewJournalEntry } from './journal-entry.ts';

/** Which entries to read. */
export interface JournalQuery {
  /** Only entries with a `seq` above this. */
  sinceSeq?: number;
  /** Only entries with a `seq` of at most this. */
  untilSeq?: number;
  /** Only entries at or after this time (ISO 8601). */
  since?: string;
  /** Only entries of this type, or of one of these. */
  entryType?: string | readonly string[];
  /** At most this many: the newest of those that match, unless `direction` is `forward`, then the oldest. */
  limit?: number;
  /** `forward`: the limit counts from the oldest. Default `backward`: it counts from the newest. The result is in order of `seq` in both cases. */
  direction?: 'forward' | 'backward';
}

/** A write that has its place in the log and is on its way to the disk. */
export interface PendingWrite {
  /** Numbered and hashed. */
  readonly entries: readonly JournalEntry[];
  /** Resolves when the entries, and every earlier one of the same process, are on stable storage. Rejects when they can not be; the journal takes nothing more then. */
  readonly durable: Promise<void>;
}

/** The state of every projection of a process at one point of its log. */
export interface Checkpoint {
  processId: string;
  /** The last entry that is folded in. */
  seq: number;
  /** Hash of that entry. */
  hash: string;
  /** ISO 8601. */
  timestamp: string;
  state: JsonValue;
}

/** Where the log of a process ends. */
export interface JournalHead {
  processId: string;
  /** 0 when there is no entry. */
  seq: number;
  /** Hash of the last entry; 64 zeros when there is none. */
  hash: string;
  /** `seq` of the newest checkpoint; 0 when there is none. */
  checkpointSeq: number;
}

/**
 * One ordered, append-only, hash-chained log per process, many processes in one journal.
 *
 * Guarantees: entries of one process are numbered without gaps in the order of the `write` calls; when `durable` resolves, the entries survive a crash of the
 * process and a loss of power; entries of one `write` are kept or lost together; after a failed write the journal refuses every further one
 * (JournalFailedError) until it is opened again.
 */
export interface Journal {
  /** Heads of every process with at least one entry. */
  heads(): Promise<JournalHead[]>;
  head(processId: string): Promise<JournalHead>;
  /**
   * Numbers, hashes and queues entries of one process in one synchronous step, so that a decision and its record can not be torn apart by another one.
   * A journal that must load a head first (`head`) throws JournalClosedError-like errors only for closed or failed journals, never blocks.
   *
   * @throws InvalidInputError when `data` holds what JSON would alter, or an entry exceeds the journal's size limit; nothing was written
   * @throws JournalFailedError after a write has failed
   */
  write(entries: readonly NewJournalEntry[]): PendingWrite;
  /** As `write` for one entry, resolving when it is durable. */
  append(entry: NewJournalEntry): Promise<JournalEntry>;
  read(processId: string, query?: JournalQuery): Promise<JournalEntry[]>;
  /** As `read` without a limit, one entry at a time in order of `seq`: for logs that do not fit in memory. */
  scan(processId: string, query?: Omit<JournalQuery, 'limit' | 'direction'>): AsyncIterable<JournalEntry>;
  /** Replaces the newest checkpoint atomically and durably; keeps a bounded number of older ones. `seq` and `hash` must be of an entry in the log. */
  checkpoint(processId: string, checkpoint: { seq: number; hash: string; state: JsonValue }): Promise<void>;
  /** The newest checkpoint that is intact, at or before `untilSeq` when given. */
  lastCheckpoint(processId: string, untilSeq?: number): Promise<Checkpoint | undefined>;
  /** Waits for what is queued, then releases everything. Further calls are refused. */
  close(): Promise<void>;
}
