import type { JsonObject, JsonValue } from '@cortex-runtime/core';
import type { Journal, JournalEntry, PendingWrite } from '@cortex-runtime/journal';
import { processConfigFromDocument, processConfigToDocument, type ProcessConfig } from '@cortex-runtime/manifest';

import type { ContextStore } from '../context/agent-context.ts';
import { ProcessHibernatedError } from '../errors.ts';
import type { LifecycleState } from '../lifecycle/lifecycle-projection.ts';
import { triggerRecordOf, type TriggerRecord } from '../mailbox/mailbox-projection.ts';
import type { OwnEntry } from '../mailbox/mailbox-worker.ts';
import { JournaledEffects } from '../run/journaled-effects.ts';
import { foldEntry, initialStates, type ProcessStates } from './process-projections.ts';
import { summarise, type ProcessSummary } from './process-summary.ts';

export interface Deployment {
  config: ProcessConfig;
  digest: string;
  source?: string;
  baseDirectory: string;
}

/**
 * A process's state and its journal: every write is folded in as it is numbered, so that what is decided next sees it.
 *
 * States: hibernating → `wake` → awake → `hibernate` → hibernating. Hibernating, only a summary and the cursors of armed triggers stay in memory.
 */
export class ProcessRecord {
  readonly #journal: Journal;
  readonly #processId: string;
  readonly #checkpointEvery: number;
  #states: ProcessStates | undefined;
  #config: ProcessConfig | undefined;
  #effects: JournaledEffects | undefined;
  #summary: ProcessSummary | undefined;
  #head = { seq: 0, hash: '' };
  #checkpointSeq = 0;
  #waking: Promise<void> | undefined;
  #lastWrite: Promise<void> = Promise.resolve();
  readonly #armed = new Map<string, TriggerRecord | undefined>();

  constructor(journal: Journal, processId: string, checkpointEvery: number) {
    this.#journal = journal;
    this.#processId = processId;
    this.#checkpointEvery = checkpointEvery;
  }

  get isAwake(): boolean {
    return this.#states !== undefined;
  }

  /** @throws ProcessHibernatedError */
  get states(): ProcessStates {
    if (this.#states === undefined) throw new ProcessHibernatedError(this.#processId);
    return this.#states;
  }

  /** The configuration that is deployed. @throws ProcessHibernatedError; before the first deployment there is none either */
  config(): ProcessConfig {
    if (this.#config !== undefined) return this.#config;
    const { config } = this.states.deployment;
    this.#config = processConfigFromDocument(config ?? {});
    return this.#config;
  }

  get effects(): JournaledEffects {
    this.#effects ??= new JournaledEffects({ state: () => this.states.effects, record: (entries) => this.write(entries), level: () => this.config().journal.level });
    return this.#effects;
  }

  /** The agent's state, read from the fold and written to the journal. */
  contextStore(): ContextStore {
    return {
      read: () => this.states.context,
      record: (write) => this.write([{ entryType: 'context_update', data: { ...write } }]).durable,
      clear: () => this.write([{ entryType: 'context_cleared', data: {} }]).durable,
    };
  }

  /** Checkpoint plus tail; a damaged checkpoint is the journal's to replace by an older one. */
  wake(): Promise<void> {
    if (this.#states !== undefined) return Promise.resolve();
    this.#waking ??= this.#recover().finally(() => (this.#waking = undefined));
    return this.#waking;
  }

  async #recover(): Promise<void> {
    const checkpoint = await this.#journal.lastCheckpoint(this.#processId);
    let states = checkpoint === undefined ? initialStates() : { ...initialStates(), ...(structuredClone(checkpoint.state) as unknown as ProcessStates) };
    let head = { seq: checkpoint?.seq ?? 0, hash: checkpoint?.hash ?? '' };
    for await (const entry of this.#journal.scan(this.#processId, { sinceSeq: head.seq })) {
      states = foldEntry(states, entry);
      head = { seq: entry.seq, hash: entry.hash };
    }
    this.#states = states;
    this.#head = head;
    this.#checkpointSeq = checkpoint?.seq ?? 0;
  }

  /** Records entries and folds them in, in one synchronous step. @throws ProcessHibernatedError, and what `Journal.write` throws */
  write(entries: readonly OwnEntry[]): PendingWrite {
    const states = this.states;
    const written = this.#journal.write(entries.map((entry) => ({ ...entry, processId: this.#processId })));
    for (const entry of written.entries) this.#fold(states, entry);
    this.#lastWrite = written.durable;
    // Whoever needs the outcome waits for it; nobody has to.
    written.durable.catch(() => {});
    return written;
  }

  #fold(states: ProcessStates, entry: JournalEntry): void {
    this.#states = foldEntry(states, entry);
    this.#head = { seq: entry.seq, hash: entry.hash };
  }

  /** Resolves when everything written so far is durable. */
  settled(): Promise<void> {
    return this.#lastWrite;
  }

  /** Records the configuration when it differs from the deployed one, and the initial state at the very first time. */
  async deploy({ config, digest, source, baseDirectory }: Deployment): Promise<void> {
    const { deployment } = this.states;
    if (deployment.digest === digest && deployment.base_directory === baseDirectory) return;
    const isFirst = deployment.digest === null;
    const entries: OwnEntry[] = [
      { entryType: 'process_deployed', data: { config: processConfigToDocument(config), digest, base_directory: baseDirectory, ...(source === undefined ? {} : { source }) } },
    ];
    if (isFirst) {
      for (const [key, value] of Object.entries(config.context.initialState as Record<string, JsonValue>)) entries.push({ entryType: 'context_update', data: { key, value, source: 'manifest' } });
    }
    await this.write(entries).durable;
    this.#config = undefined;
  }

  async checkpointIfDue(): Promise<void> {
    if (this.#head.seq - this.#checkpointSeq >= this.#checkpointEvery) await this.checkpoint();
  }

  /** Makes recovery begin here. */
  async checkpoint(): Promise<void> {
    const { seq, hash } = this.#head;
    if (seq === this.#checkpointSeq || seq === 0) return;
    const state = structuredClone(this.states) as unknown as JsonObject;
    await this.settled();
    await this.#journal.checkpoint(this.#processId, { seq, hash, state });
    this.#checkpointSeq = Math.max(seq, this.#checkpointSeq);
  }

  /** Lets the state leave memory if it is still idle once its tail is short enough to be read back quickly. @returns whether it did */
  async hibernate(isIdle: () => boolean): Promise<boolean> {
    await this.settled();
    if (this.#head.seq - this.#checkpointSeq > maxHibernatedTail) await this.checkpoint();
    if (!isIdle() || this.#states === undefined) return this.#states === undefined;
    this.#summary = this.summary();
    for (const triggerId of this.#armed.keys()) this.#armed.set(triggerId, triggerRecordOf(this.#states.mailbox, triggerId));
    this.#states = undefined;
    this.#config = undefined;
    this.#effects = undefined;
    return true;
  }

  /** Keeps what this trigger remembers in memory while the process hibernates. */
  armTrigger(triggerId: string): void {
    this.#armed.set(triggerId, undefined);
  }

  armedTrigger(triggerId: string): TriggerRecord | undefined {
    return this.#armed.get(triggerId);
  }

  lifecycle(): LifecycleState {
    if (this.#states !== undefined) return this.#states.lifecycle;
    return { state: this.#summary?.state ?? 'created', history: [], started_at: this.#summary?.started_at ?? null };
  }

  stateReason(): string {
    return this.#states === undefined ? (this.#summary?.state_reason ?? '') : (this.#states.lifecycle.history.at(-1)?.reason ?? '');
  }

  /** @param planned - the configuration of the next start, for a process that was never read */
  summary(planned?: ProcessConfig): ProcessSummary {
    if (this.#states !== undefined) return summarise(this.#states, planned ?? this.config());
    return this.#summary ?? summarise(initialStates(), planned ?? processConfigFromDocument({}));
  }
}

/** Entries after the checkpoint that a hibernating process may leave to be folded at its wake. */
const maxHibernatedTail = 50;
