import { describeError, type JsonValue, type Logger } from '@cortex-runtime/core';
import type { Journal, JournalEntry, JournalQuery } from '@cortex-runtime/journal';
import { inactiveFeatures, type ProcessConfig } from '@cortex-runtime/manifest';

import { endSubscriptions } from '../triggers/topic-subscriber.ts';
import { AgentContext } from '../context/agent-context.ts';
import { EventRefusedError, FeatureNotAvailableError, ProcessHibernatedError } from '../errors.ts';
import { ProcessLifecycle } from '../lifecycle/process-lifecycle.ts';
import { ProcessState } from '../lifecycle/process-state.ts';
import type { RuntimeDependencies, RuntimeOptions } from '../runtime/runtime-dependencies.ts';
import { liveStates, type AgentProcessInit, type Initiator } from './agent-process-init.ts';
import { clearDeadLetters, deadLetters, redeliverDeadLetters, type DeadLetter } from './dead-letters.ts';
import { injectedEvent, type InjectedEvent } from './injected-event.ts';
import { LazyLogger } from './lazy-logger.ts';
import { EngineSlot } from './engine-slot.ts';
import { idleReason, ProcessEngine } from './process-engine.ts';
import { ProcessFailure } from './process-failure.ts';
import { ProcessRecord } from './process-record.ts';
import type { ProcessStatus } from './process-status.ts';
import type { ProcessUpdate } from './process-update.ts';
import { processStatus } from './read-status.ts';
import { Subscribers } from './subscribers.ts';
import { resolveWaitingEffect, waitingEffects, type WaitingEffect } from './waiting-effects.ts';

/**
 * A long-running agent. What it is and knows is the fold of its journal; this class decides and records.
 *
 * States and moves are those of `validTransitions`. Taking up a process after a crash is `start()` too: a process whose journal says `running` goes on running,
 * with its pending events, its open runs and what its triggers missed.
 */
export class AgentProcess {
  readonly name: string;
  readonly processId: string;
  /** Path of the manifest that it was loaded from. */
  readonly source: string | undefined;
  readonly #baseDirectory: string;
  readonly #journal: Journal;
  readonly #canHibernate: boolean;
  readonly #deps: RuntimeDependencies;
  readonly #logger: Logger;
  readonly #record: ProcessRecord;
  #failure: ProcessFailure | undefined;
  #subscribers: Subscribers | undefined;
  /** Handed over with the next start; dropped then, as the journal holds it. */
  #deployment: { config: ProcessConfig; digest: string } | undefined;
  #lifecycle: ProcessLifecycle | undefined;
  readonly #slot: EngineSlot;

  constructor(deps: RuntimeDependencies, init: AgentProcessInit, options: RuntimeOptions = {}) {
    this.name = init.name;
    this.processId = init.processId;
    this.source = init.source;
    this.#baseDirectory = init.baseDirectory;
    this.#journal = init.journal;
    this.#canHibernate = init.config.journal.level !== 'none' && init.config.journal.backend === 'file';
    this.#deployment = { config: init.config, digest: init.digest };
    this.#deps = deps;
    this.#logger = new LazyLogger(deps.logger, { process: init.name });
    this.#record = new ProcessRecord({ journal: init.journal, clock: deps.clock }, { processId: init.processId, level: init.config.journal.level, checkpointEvery: options.checkpointEvery ?? 500 });
    this.#slot = new EngineSlot({
      deps,
      logger: this.#logger,
      isAwake: () => this.#record.isAwake,
      rouse: async () => {
        await this.wake();
        await this.#begin();
      },
      onRest: () => {
        if (this.#lifecycle?.isObserved === false) this.#lifecycle = undefined;
      },
    });
  }

  /** The state machine. Made when it is asked for. */
  get lifecycle(): ProcessLifecycle {
    this.#lifecycle ??= new ProcessLifecycle(
      this.processId,
      { read: () => this.#record.lifecycle(), record: (move) => this.#record.write([{ entryType: 'state_transition', data: { ...move } }]).durable },
      this.#logger,
    );
    return this.#lifecycle;
  }

  /** What could not be recorded: the process has failed although its journal does not say so. */
  get #brokenBecause(): string | undefined {
    return this.#failure?.brokenBecause;
  }

  get state(): ProcessState {
    return this.#brokenBecause === undefined ? this.#record.lifecycle().state : ProcessState.FAILED;
  }

  /** True while its triggers listen and its mailbox is served. */
  get isLive(): boolean {
    return this.#slot.shown !== undefined;
  }

  get isHibernating(): boolean {
    return !this.#record.isAwake;
  }

  /** What is deployed, or will be with the next start. @throws ProcessHibernatedError while it hibernates */
  get config(): ProcessConfig {
    return this.#deployment?.config ?? this.#record.config();
  }

  /** @throws ProcessHibernatedError while it hibernates; `await wake()` first */
  get context(): AgentContext {
    if (!this.#record.isAwake) throw new ProcessHibernatedError(this.name);
    return this.#slot.engine?.context() ?? new AgentContext(this.#record.contextStore(), { writableKeys: this.config.context.writableKeys });
  }

  /** Reads the state back from the journal when it is not in memory. */
  async wake(): Promise<void> {
    await this.#record.wake();
    this.#slot.engine?.touch();
  }

  /**
   * Lets the state leave memory, when nothing is under way and it was not needed for `idleMs`. Triggers keep listening; the next event reads it back.
   *
   * @returns whether it hibernates now
   */
  async hibernate(idleMs = 0): Promise<boolean> {
    const engine = this.#slot.engine;
    if (!this.#record.isAwake) return true;
    if (!this.#canHibernate || this.#subscribers?.isEmpty === false) return false;
    const isIdle = () => engine === undefined || (engine.isIdle() && this.#deps.clock.now() - engine.usedAt >= idleMs);
    if (!isIdle() || !(await this.#record.hibernate())) return false;
    await engine?.release();
    if (engine !== undefined) await this.#slot.beginRest(engine);
    return true;
  }

  /** What is deployed, or will be with the next start, also while the process hibernates. */
  async readConfig(): Promise<ProcessConfig> {
    if (this.#deployment === undefined) await this.#record.wake();
    return this.config;
  }

  /**
   * Starts the process, or takes it up where a crash left it. Resolves when its triggers listen.
   *
   * @throws ProcessStateError when it runs already; whatever keeps a model or a trigger from starting (the process is `failed` then, and nothing of it is left running)
   */
  async start(options: { by?: Initiator; reason?: string } = {}): Promise<void> {
    this.#failure?.cancelRestart();
    await this.#start(options);
  }

  async #start(options: { by?: Initiator; reason?: string }): Promise<void> {
    await this.#slot.exclusive(async () => {
      await this.wake();
      const isLeftOver = !this.isLive && this.#brokenBecause === undefined;
      if (isLeftOver && this.lifecycle.state === ProcessState.STOPPING) await this.lifecycle.transition(ProcessState.STOPPED, { reason: 'the host ended while it was stopping' });
      if (isLeftOver && liveStates.includes(this.lifecycle.state)) {
        this.#record.write([{ entryType: 'process_recovered', data: { state: this.lifecycle.state, pending_events: this.#record.states.mailbox.pending_count } }]);
      } else await this.lifecycle.transition(ProcessState.STARTING, { reason: options.reason ?? 'start', metadata: { by: options.by ?? 'operator' } });
      await this.#begin();
      for (const { path, message } of inactiveFeatures(this.config)) this.#logger.warn({ field: path }, message);
    });
  }

  async #begin(): Promise<void> {
    if (this.#deployment !== undefined) {
      const before = await this.#record.deploy({ ...this.#deployment, baseDirectory: this.#baseDirectory, ...(this.source === undefined ? {} : { source: this.source }) });
      this.#deployment = undefined;
      if (before !== undefined) await endSubscriptions({ broker: this.#deps.broker, logger: this.#logger }, this.name, before.triggers, this.config.triggers);
    }
    const engine = new ProcessEngine({
      deps: this.#deps,
      name: this.name,
      baseDirectory: this.#baseDirectory,
      logger: this.#logger,
      record: this.#record,
      lifecycle: this.lifecycle,
      brokenBecause: () => this.#brokenBecause,
      publish: (update) => this.#subscribers?.publish(update),
      onFailing: (reason) => this.#failing().fail(reason),
      onIdle: () => this.suspend(idleReason),
      onLifetime: () => this.#onLifetime(),
    });
    this.#slot.fill(engine);
    try {
      await engine.start();
    } catch (error) {
      await this.#slot.tearDown(0);
      await this.lifecycle.transition(ProcessState.FAILED, { reason: `it could not start: ${describeError(error)}` });
      throw error;
    }
  }

  /**
   * Stops: takes no further events, waits for running runs up to `stop_grace`, then cuts them off. Whatever is pending stays in the journal and goes on after the next start.
   * A process that never ran becomes `stopped`; one that failed is cleaned up and stays `failed`; a stopped one stays as it is.
   */
  async stop(options: { by?: Initiator; reason?: string } = {}): Promise<void> {
    this.#failure?.cancelRestart();
    await this.#slot.exclusive(async () => {
      this.#slot.endRest();
      await this.wake();
      const metadata = { by: options.by ?? 'operator' };
      const reason = options.reason ?? 'stop';
      switch (this.state) {
        case ProcessState.STOPPED:
          return;
        case ProcessState.CREATED:
          await this.lifecycle.transition(ProcessState.STOPPED, { reason, metadata });
          return;
        case ProcessState.FAILED:
          await this.#slot.tearDown(0);
          return;
        case ProcessState.STOPPING:
          break;
        default:
          await this.lifecycle.transition(ProcessState.STOPPING, { reason, metadata });
      }
      await this.#slot.tearDown(this.config.stopGraceMs);
      await this.lifecycle.transition(ProcessState.STOPPED, { reason, metadata }).catch((error: unknown) => {
        this.#failing().breakDown(describeError(error));
        throw error;
      });
      await this.#record.checkpoint();
    });
  }

  /** Events are still accepted, and wait. */
  async suspend(reason = 'suspended'): Promise<void> {
    await this.wake();
    await this.lifecycle.transition(ProcessState.SUSPENDED, { reason });
  }

  /** Goes on from `suspended` or `awaiting`. */
  async resume(): Promise<void> {
    await this.wake();
    await this.lifecycle.transition(ProcessState.RUNNING, { reason: 'resumed' });
    await (await this.#slot.engaged())?.takeUpAnswered();
  }

  /**
   * Puts an event into the mailbox; it is durable when this resolves. `duplicate`: an event of this id was taken before, and nothing runs twice.
   *
   * @throws EventRefusedError when the process takes no events; InvalidInputError when the payload is not plain JSON
   */
  async inject(event: InjectedEvent): Promise<{ eventId: string; outcome: 'accepted' | 'duplicate' }> {
    const complete = injectedEvent(this.#deps, event);
    const engine = await this.#slot.engaged();
    if (engine === undefined) throw new EventRefusedError(this.name, this.#brokenBecause ?? `it is ${this.state}`);
    return { eventId: complete.eventId, outcome: await engine.accept(complete) };
  }

  /**
   * Closes an event without an outcome: a run of it is cut off, and whoever waits for its answer is told. What was done already stays done.
   *
   * @returns false when it has its outcome already, or there is no such event
   */
  async cancelEvent(eventId: string, why: string): Promise<boolean> {
    if (!this.#record.isAwake && this.#record.summary().pending_count === 0) return false;
    await this.wake();
    const engine = await this.#slot.engaged();
    return (await engine?.cancel(eventId, why)) ?? false;
  }

  /** Calls `listener` with every piece of every answer. @returns ends the subscription */
  subscribe(listener: (update: ProcessUpdate) => void): () => void {
    this.#subscribers ??= new Subscribers(this.#logger);
    return this.#subscribers.add(listener);
  }

  status(): ProcessStatus {
    const engine = this.#slot.engine;
    return processStatus({
      name: this.name,
      processId: this.processId,
      state: this.state,
      config: this.isHibernating && this.#deployment === undefined ? undefined : this.config,
      summary: this.#record.summary(this.#deployment?.config),
      stateReason: this.#brokenBecause ?? this.#record.stateReason(),
      isHibernating: this.isHibernating,
      isLanguageModel: this.#slot.shown?.isLanguageModel ?? true,
      hasMemory: engine?.hasMemory ?? false,
      triggerCount: this.#slot.shown?.triggerCount ?? 0,
      filtered: this.#slot.shown?.filteredCount ?? 0,
      activeRuns: engine?.activeRuns ?? 0,
      startedAt: !this.isLive ? undefined : this.#record.lifecycle().started_at,
      now: this.#deps.clock.now(),
    });
  }

  readJournal(query?: JournalQuery): Promise<JournalEntry[]> {
    return this.#journal.read(this.processId, query);
  }

  /** Events that were given up, oldest first. */
  async deadLetters(): Promise<DeadLetter[]> {
    await this.wake();
    return deadLetters(this.#record.states.mailbox);
  }

  /** Opens given-up events again, all of them or one; each gets a new run. @returns their ids */
  async redeliver(eventId?: string, options: { by?: string } = {}): Promise<string[]> {
    await this.wake();
    const eventIds = await redeliverDeadLetters(this.#record, eventId, options.by ?? 'operator');
    if (eventIds.length > 0) (await this.#slot.engaged())?.kick();
    return eventIds;
  }

  /** Takes every dead letter off the list; the journal keeps them. @returns how many */
  async clearDeadLetters(): Promise<number> {
    await this.wake();
    return clearDeadLetters(this.#record);
  }

  /** Effects whose outcome nobody knows: each holds a run until it is settled with `resolveEffect`. */
  async waitingEffects(): Promise<WaitingEffect[]> {
    await this.wake();
    return waitingEffects(this.#record.states, this.#journal, this.processId);
  }

  /**
   * Settles an effect. `happened`: the run goes on with `result`, or with the word that it happened; `not-happened`: the agent is told so and decides;
   * `retry`: it is executed again, with the same idempotency key.
   *
   * @throws UnknownEffectError when no such effect waits
   */
  async resolveEffect(effectId: string, resolution: 'happened' | 'not-happened' | 'retry', options: { result?: JsonValue; by?: string } = {}): Promise<void> {
    await this.wake();
    const engine = await this.#slot.engaged();
    await resolveWaitingEffect(this.#record, effectId, resolution, { by: options.by ?? 'operator', ...(options.result === undefined ? {} : { result: options.result }) }, (runId) => engine?.noteResolved(runId));
    await engine?.settleAwaiting();
    engine?.kick();
  }

  /** Lets runs go on that wait for an approval which was answered, or has expired, meanwhile. A process that does not run does so when it starts. */
  async takeUpAnswered(): Promise<void> {
    if (!this.isLive) return;
    await this.wake();
    await (await this.#slot.engaged())?.takeUpAnswered();
  }

  /**
   * Makes the conversation and the state of journal entry `toSeq` hold again, for the runs that come. Nothing that happened is undone or hidden: events, effects and counts stay.
   *
   * @throws InvalidInputError when there is no such entry
   */
  async rewind(toSeq: number, options: { by?: string; reason?: string } = {}): Promise<void> {
    await this.wake();
    await this.#record.rewind(toSeq, { by: options.by ?? 'operator', reason: options.reason ?? '' });
  }

  /** Reverts to the original configuration, in open mode. */
  async rollback(): Promise<string> {
    const isOpen = this.config.executionMode === 'open';
    throw new FeatureNotAvailableError('rollback', isOpen ? 'agents can not change themselves yet, so there is nothing to revert' : 'the process is in strict mode and never changes itself');
  }

  async ask(): Promise<never> {
    throw new FeatureNotAvailableError('ask', 'the inbox comes with a later release; inject an event instead');
  }

  async sendMessage(): Promise<never> {
    throw new FeatureNotAvailableError('sendMessage', 'the inbox comes with a later release; inject an event instead');
  }

  /** Records that the process is removed; one that is added later under its id begins anew. */
  async recordRemoval(): Promise<void> {
    await this.wake();
    const { triggers } = this.config;
    await this.#record.write([{ entryType: 'process_removed', data: {} }]).durable;
    await endSubscriptions({ broker: this.#deps.broker, logger: this.#logger }, this.name, triggers, []);
  }

  /** Made when the process fails for the first time. */
  #failing(): ProcessFailure {
    this.#failure ??= new ProcessFailure({
      clock: this.#deps.clock,
      logger: this.#logger,
      record: this.#record,
      lifecycle: () => this.lifecycle,
      // Not waited for by the run that failed, which is among those that the tear-down waits for.
      tearDown: () => this.#slot.exclusive(() => this.#slot.tearDown(0)),
      restart: () => this.#start({ by: 'host', reason: 'restart policy' }),
    });
    return this.#failure;
  }

  async #onLifetime(): Promise<void> {
    const isRecycled = this.config.restartPolicy === 'always';
    await this.stop({ by: 'host', reason: 'max_lifetime' });
    if (isRecycled) await this.start({ by: 'host', reason: 'recycled after max_lifetime' });
  }
}
