import { InvalidInputError, type Clock, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import { EffectLog, initialStates, ProcessLog, recoverStates, type Journal, type JournalLevel, type OwnJournalEntry, type PendingWrite } from '@cortex-runtime/journal';
import { processConfigFromDocument, processConfigToDocument, type ProcessConfig } from '@cortex-runtime/manifest';

import type { ContextStore } from '../context/agent-context.ts';
import { ProcessHibernatedError } from '../errors.ts';
import type { LifecycleState } from '../lifecycle/lifecycle-projection.ts';
import { triggerRecordOf, type TriggerRecord } from '../mailbox/mailbox-projection.ts';
import { isParkedRun } from './parked-run.ts';
import { processProjections, type ProcessProjections, type ProcessStates } from './process-projections.ts';
import { summarise, type ProcessSummary } from './process-summary.ts';

export interface Deployment {
  config: ProcessConfig;
  digest: string;
  source?: string;
  baseDirectory: string;
}

/** A tail this short is folded about as fast as a checkpoint is read, and ten thousand agents that start need not write one each. */
const keepTail = 10;

/**
 * What a process knows of itself: the log that it owns, the configuration in it, its effects, and a summary for the time when the rest is not in memory.
 *
 * States: hibernating → `wake` → awake → `hibernate` → hibernating.
 */
export class ProcessRecord {
  /** Carries out the effects of runs, once. */
  readonly effects: EffectLog;
  readonly #log: ProcessLog<ProcessProjections>;
  readonly #journal: Journal;
  readonly #checkpointEvery: number;
  #config: ProcessConfig | undefined;
  #summary: ProcessSummary | undefined;
  /** What each armed trigger remembers, while the state is not in memory. */
  #armed: { triggerId: string; record: TriggerRecord | undefined }[] = [];

  constructor(deps: { journal: Journal; clock: Clock }, options: { processId: string; level: JournalLevel; checkpointEvery: number }) {
    this.#journal = deps.journal;
    this.#log = new ProcessLog({ journal: deps.journal }, { processId: options.processId, projections: processProjections, level: options.level });
    this.effects = new EffectLog({ log: this.#log, clock: deps.clock });
    this.#checkpointEvery = options.checkpointEvery;
  }

  get isAwake(): boolean {
    return this.#log.isAwake;
  }

  /** @throws ProcessHibernatedError */
  get states(): ProcessStates {
    if (!this.#log.isAwake) throw new ProcessHibernatedError(this.#log.processId);
    return this.#log.states;
  }

  /** The configuration that is deployed. @throws ProcessHibernatedError */
  config(): ProcessConfig {
    this.#config ??= processConfigFromDocument(this.states.deployment.config ?? {});
    return this.#config;
  }

  /** The agent's state, read from the fold and written to the journal. */
  contextStore(): ContextStore {
    return {
      read: () => this.states.context,
      record: (write) => this.write([{ entryType: 'context_update', data: { ...write } }]).durable,
      clear: () => this.write([{ entryType: 'context_cleared', data: {} }]).durable,
    };
  }

  /** Whether an effect of this run waits for a person. */
  isParked(runId: string): boolean {
    return isParkedRun(this.states.effects, runId);
  }

  /** Checkpoint plus tail; a damaged checkpoint is the journal's to replace by an older one. */
  async wake(): Promise<void> {
    if (!this.#log.isAwake) await this.#log.recover();
  }

  /** Records entries and folds them in, in one synchronous step. */
  write(entries: readonly OwnJournalEntry[]): PendingWrite {
    return this.#log.record(entries);
  }

  /** Resolves when everything written so far is durable. */
  settled(): Promise<void> {
    return this.#log.settled();
  }

  /** Records the configuration when it differs from the deployed one, and the initial state at the very first time. @returns the one before, when there was another */
  async deploy({ config, digest, source, baseDirectory }: Deployment): Promise<ProcessConfig | undefined> {
    const { deployment } = this.states;
    const before = deployment.config;
    this.#config = config; // what is recorded, or is about to be: nobody has to read it back from its document
    if (deployment.digest === digest && deployment.base_directory === baseDirectory) return undefined;
    const isFirst = deployment.digest === null;
    const entries: OwnJournalEntry[] = [
      { entryType: 'process_deployed', data: { config: processConfigToDocument(config), digest, base_directory: baseDirectory, ...(source === undefined ? {} : { source }) } },
    ];
    if (isFirst) {
      for (const [key, value] of Object.entries(config.context.initialState as Record<string, JsonValue>)) entries.push({ entryType: 'context_update', data: { key, value, source: 'manifest' } });
    }
    await this.write(entries).durable;
    return isFirst || before === null ? undefined : processConfigFromDocument(before);
  }

  /** Makes the conversation and the agent's state of entry `toSeq` hold again. Nothing is edited: an entry carries that state. Events, effects and counts never go back. */
  async rewind(toSeq: number, options: { by: string; reason: string }): Promise<void> {
    if (!Number.isInteger(toSeq) || toSeq < 1 || toSeq > this.#log.seq) throw new InvalidInputError('to_seq', `must be of an entry of the journal, 1 to ${this.#log.seq}, got ${toSeq}`);
    await this.settled();
    const { states } = await recoverStates(this.#journal, this.#log.processId, processProjections, toSeq);
    const { conversation, context } = states;
    await this.write([{ entryType: 'rewind', data: { to_seq: toSeq, ...options, state: structuredClone({ conversation, context }) as unknown as JsonObject } }]).durable;
  }

  checkpointIfDue(): Promise<void> {
    return this.#log.checkpointIfDue(this.#checkpointEvery);
  }

  /** Makes recovery begin here. */
  checkpoint(): Promise<void> {
    return this.#log.checkpoint();
  }

  /** Lets the state leave memory, unless something was recorded meanwhile. @returns whether it did */
  async hibernate(): Promise<boolean> {
    const summary = this.summary();
    const armed = this.#armed.map(({ triggerId }) => ({ triggerId, record: triggerRecordOf(this.states.mailbox, triggerId) }));
    if (!(await this.#log.hibernate({ keepTail }))) return false;
    this.#summary = summary;
    this.#armed = armed;
    this.#config = undefined;
    return true;
  }

  /** Keeps what this trigger remembers in memory while the process hibernates. */
  armTrigger(triggerId: string): void {
    if (!this.#armed.some((armed) => armed.triggerId === triggerId)) this.#armed.push({ triggerId, record: undefined });
  }

  armedTrigger(triggerId: string): TriggerRecord | undefined {
    return this.#armed.find((armed) => armed.triggerId === triggerId)?.record;
  }

  lifecycle(): LifecycleState {
    if (this.#log.isAwake) return this.states.lifecycle;
    return { state: this.#summary?.state ?? 'created', history: [], started_at: this.#summary?.started_at ?? null };
  }

  stateReason(): string {
    return this.#log.isAwake ? (this.states.lifecycle.history.at(-1)?.reason ?? '') : (this.#summary?.state_reason ?? '');
  }

  /** @param planned - the configuration of the next start, for a process that was never read */
  summary(planned?: ProcessConfig): ProcessSummary {
    if (this.#log.isAwake) return summarise(this.states, planned ?? this.config());
    return this.#summary ?? summarise(initialStates(processProjections), planned ?? processConfigFromDocument({}));
  }
}
