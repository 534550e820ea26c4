import { LogAsleepError } from './errors.ts';
import { JournalLevel } from './config/index.ts';
import { checkpointState, foldEntry, recoverStates, type FoldedStates, type Recovered } from './fold-entries.ts';
import { isRecordedAt } from './is-recorded-at.ts';
import type { NewJournalEntry } from './journal-entry.ts';
import type { Journal, PendingWrite } from './journal.ts';
import type { Projections, ProjectionStates } from './projection.ts';

/** An entry of the one process that a log belongs to. */
export type OwnJournalEntry = Omit<NewJournalEntry, 'processId'>;

export interface ProcessLogOptions<P extends Projections> {
  processId: string;
  projections: P;
  /** Entries that this level leaves out are neither written nor folded in: what lives is always what would be recovered. Default `full`. */
  level?: JournalLevel;
}

/**
 * The log of one process in the hands of its owner: what is recorded is written and folded in within one synchronous step.
 *
 * hibernating → `recover` → awake → `hibernate` → hibernating. Hibernating, nothing but a few fields stays in memory.
 */
export class ProcessLog<P extends Projections> {
  readonly processId: string;
  readonly #journal: Journal;
  readonly #projections: P;
  readonly #level: JournalLevel;
  #folded: FoldedStates<P> | undefined;
  #checkpointSeq = 0;
  #last: Promise<void> = Promise.resolve();
  #recovering: Promise<Recovered<P>> | undefined;

  constructor(deps: { journal: Journal }, options: ProcessLogOptions<P>) {
    this.#journal = deps.journal;
    this.processId = options.processId;
    this.#projections = options.projections;
    this.#level = options.level ?? JournalLevel.FULL;
  }

  get isAwake(): boolean {
    return this.#folded !== undefined;
  }

  /** @throws LogAsleepError before `recover` and after `hibernate` */
  get states(): ProjectionStates<P> {
    return this.#awake().states;
  }

  /** The last entry that is folded in; 0 when there is none. */
  get seq(): number {
    return this.#awake().seq;
  }

  /** Whether entries of this type are written. */
  records(entryType: string): boolean {
    return isRecordedAt(this.#level, entryType);
  }

  /** Brings the state back: a checkpoint and the entries after it. */
  recover(): Promise<Recovered<P>> {
    this.#recovering ??= recoverStates(this.#journal, this.processId, this.#projections)
      .then((recovered) => {
        this.#folded = { states: recovered.states, seq: recovered.seq, hash: recovered.hash };
        this.#checkpointSeq = recovered.checkpointSeq;
        return recovered;
      })
      .finally(() => (this.#recovering = undefined));
    return this.#recovering;
  }

  /** Writes entries and folds them in. The result's `entries` are those that the level keeps. */
  record(entries: readonly OwnJournalEntry[]): PendingWrite {
    const folded = this.#awake();
    const kept = entries.filter(({ entryType }) => this.records(entryType));
    if (kept.length === 0) return { entries: [], durable: this.#last };
    const written = this.#journal.write(kept.map((entry) => ({ ...entry, processId: this.processId })));
    for (const entry of written.entries) {
      foldEntry(this.#projections, folded.states, entry);
      folded.seq = entry.seq;
      folded.hash = entry.hash;
    }
    this.#last = written.durable;
    written.durable.catch(() => undefined); // whoever needs it waits for it
    return written;
  }

  /** Resolves when everything recorded so far is on stable storage. */
  settled(): Promise<void> {
    return this.#last;
  }

  /** Makes the next recovery begin here. */
  async checkpoint(): Promise<void> {
    const { seq, hash, states } = this.#awake();
    if (seq === this.#checkpointSeq) return;
    await this.#journal.checkpoint(this.processId, { seq, hash, state: checkpointState(this.#projections, states) });
    this.#checkpointSeq = Math.max(this.#checkpointSeq, seq);
  }

  async checkpointIfDue(everyEntries: number): Promise<void> {
    if (this.seq - this.#checkpointSeq >= everyEntries) await this.checkpoint();
  }

  /**
   * Lets the state leave memory once everything is on stable storage, unless something was recorded meanwhile.
   *
   * @param keepTail - entries after the last checkpoint that the next recovery may fold; with more a checkpoint is written first. Default 0
   * @returns whether it did
   */
  async hibernate({ keepTail = 0 }: { keepTail?: number } = {}): Promise<boolean> {
    const { seq } = this.#awake();
    if (seq - this.#checkpointSeq > keepTail) await this.checkpoint();
    else await this.settled();
    if (this.#folded?.seq !== seq) return this.#folded === undefined;
    this.#folded = undefined;
    return true;
  }

  #awake(): FoldedStates<P> {
    if (this.#folded === undefined) throw new LogAsleepError(this.processId);
    return this.#folded;
  }
}
