import { assertJsonValue, InvalidInputError, type Clock, type IdGenerator, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import { z } from 'zod';

import { JournalClosedError } from './errors.ts';
import { encodeLine, zeroHash } from './file/entry-line.ts';
import type { JournalEntry, NewJournalEntry } from './journal-entry.ts';
import type { Checkpoint, Journal, JournalHead, JournalQuery, PendingWrite } from './journal.ts';
import { checkQuery, matchesQuery } from './matches-query.ts';
import { checkNewEntries, isoInstants } from './new-entries.ts';

export interface InMemoryJournalDeps {
  clock: Clock;
  createId: IdGenerator;
  /** Takes secret values out of `data` before anything is hashed or kept. */
  redact?: (data: JsonObject) => JsonObject;
}

/** How much is kept. */
export const InMemoryJournalOptions = z.strictObject({
  /** Newest entries of each process that are kept; all when left out. */
  keepEntries: z.int().min(1).optional(),
  checkpointsKept: z.int().min(1).default(2),
});
export type InMemoryJournalOptions = z.input<typeof InMemoryJournalOptions>;

interface ProcessLines {
  seq: number;
  hash: string;
  /** JSON texts, so that nobody can change what was recorded. */
  entries: string[];
  checkpoints: string[];
}

/** A journal that ends with its process: for agents whose journal level is `none`, and for tests. */
export class InMemoryJournal implements Journal {
  readonly #deps: InMemoryJournalDeps;
  readonly #keepEntries: number;
  readonly #checkpointsKept: number;
  readonly #timestamp: () => string;
  readonly #processes = new Map<string, ProcessLines>();
  #isClosed = false;

  constructor(deps: InMemoryJournalDeps, options: InMemoryJournalOptions = {}) {
    const settings = InMemoryJournalOptions.parse(options);
    this.#deps = deps;
    this.#keepEntries = settings.keepEntries ?? Number.POSITIVE_INFINITY;
    this.#checkpointsKept = settings.checkpointsKept;
    this.#timestamp = isoInstants(deps.clock);
  }

  async heads(): Promise<JournalHead[]> {
    return Promise.all([...this.#processes.keys()].map((processId) => this.head(processId)));
  }

  async head(processId: string): Promise<JournalHead> {
    this.#assertOpen();
    const found = this.#processes.get(processId);
    const newest = found?.checkpoints.at(-1);
    const checkpointSeq = newest === undefined ? 0 : (JSON.parse(newest) as Checkpoint).seq;
    return { processId, seq: found?.seq ?? 0, hash: found?.hash ?? zeroHash, checkpointSeq };
  }

  write(given: readonly NewJournalEntry[]): PendingWrite {
    this.#assertOpen();
    const processId = checkNewEntries(given);
    const timestamp = this.#timestamp();
    const redacted = given.map((each) => (this.#deps.redact === undefined ? each : { ...each, data: this.#deps.redact(each.data) }));
    const lines = this.#processes.get(processId) ?? { seq: 0, hash: zeroHash, entries: [], checkpoints: [] };
    this.#processes.set(processId, lines);
    const entries = redacted.map(({ entryType, data, runId, cause }): JournalEntry => {
      const entry: Omit<JournalEntry, 'hash'> = { seq: lines.seq + 1, id: this.#deps.createId(), processId, timestamp, entryType, data };
      if (runId !== undefined) entry.runId = runId;
      if (cause !== undefined) entry.cause = cause;
      const { hash } = encodeLine(entry, undefined, undefined, false, lines.hash);
      lines.seq += 1;
      lines.hash = hash;
      lines.entries.push(JSON.stringify({ ...entry, hash }));
      return { ...entry, hash };
    });
    if (lines.entries.length > this.#keepEntries * 2) lines.entries.splice(0, lines.entries.length - this.#keepEntries);
    return { entries, durable: Promise.resolve() };
  }

  async append(entry: NewJournalEntry): Promise<JournalEntry> {
    return this.write([entry]).entries[0] as JournalEntry;
  }

  async read(processId: string, given: JournalQuery = {}): Promise<JournalEntry[]> {
    this.#assertOpen();
    const query = checkQuery(given);
    const { limit = Number.POSITIVE_INFINITY } = query;
    if (limit === 0) return [];
    const found = this.#entries(processId).filter((entry) => matchesQuery(entry, query));
    return query.direction === 'forward' ? found.slice(0, limit) : found.slice(-limit);
  }

  async *scan(processId: string, query: Omit<JournalQuery, 'limit' | 'direction'> = {}): AsyncGenerator<JournalEntry> {
    yield* await this.read(processId, query);
  }

  async checkpoint(processId: string, { seq, hash, state }: { seq: number; hash: string; state: JsonValue }): Promise<void> {
    this.#assertOpen();
    assertJsonValue(state, 'state');
    const lines = this.#processes.get(processId);
    if (lines === undefined || !Number.isInteger(seq) || seq < 1 || seq > lines.seq) {
      throw new InvalidInputError('seq', `must be of an entry in the log of process ${processId}, which ends at ${lines?.seq ?? 0}; got ${seq}`);
    }
    const found = seq === lines.seq ? lines.hash : this.#entries(processId).find((entry) => entry.seq === seq)?.hash;
    if (found !== hash) throw new InvalidInputError('hash', `is not the hash of entry ${seq} of process ${processId}`);
    const isObject = typeof state === 'object' && state !== null && !Array.isArray(state);
    const kept = isObject && this.#deps.redact !== undefined ? this.#deps.redact(state as JsonObject) : state;
    const newest = lines.checkpoints.at(-1);
    if (newest !== undefined && (JSON.parse(newest) as Checkpoint).seq > seq) return;
    lines.checkpoints.push(JSON.stringify({ processId, seq, hash, timestamp: this.#timestamp(), state: kept } satisfies Checkpoint));
    lines.checkpoints.splice(0, lines.checkpoints.length - this.#checkpointsKept);
  }

  async lastCheckpoint(processId: string, untilSeq = Number.POSITIVE_INFINITY): Promise<Checkpoint | undefined> {
    this.#assertOpen();
    const all = this.#processes.get(processId)?.checkpoints.map((text) => JSON.parse(text) as Checkpoint) ?? [];
    return all.findLast(({ seq }) => seq <= untilSeq);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #entries(processId: string): JournalEntry[] {
    const lines = this.#processes.get(processId)?.entries ?? [];
    return lines.slice(Math.max(0, lines.length - this.#keepEntries)).map((text) => JSON.parse(text) as JournalEntry);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new JournalClosedError();
  }
}
