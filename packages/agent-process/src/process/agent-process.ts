import { describeError, InvalidInputError, assertJsonValue, type JsonValue, type Logger, type StreamChunk } from '@cortex-runtime/core';
import type { Journal, JournalEntry, JournalQuery } from '@cortex-runtime/journal';
import { inactiveFeatures, type ProcessConfig } from '@cortex-runtime/manifest';
import type { MemoryProvider } from '@cortex-runtime/memory';
import { triggerEventToDocument, type TriggerEvent } from '@cortex-runtime/triggers';

import { AgentContext } from '../context/agent-context.ts';
import { EventRefusedError, FeatureNotAvailableError, ProcessHibernatedError, UnknownEffectError } from '../errors.ts';
import { ProcessLifecycle } from '../lifecycle/process-lifecycle.ts';
import { ProcessState } from '../lifecycle/process-state.ts';
import { knowsEvent, triggerRecordOf, type DeadLetterRecord, type TriggerRecord } from '../mailbox/mailbox-projection.ts';
import { MailboxWorker, type OwnEntry } from '../mailbox/mailbox-worker.ts';
import type { RuntimeDependencies, RuntimeOptions } from '../runtime/runtime-dependencies.ts';
import { Heartbeat } from './heartbeat.ts';
import { LiveProcess } from './live-process.ts';
import { ProcessRecord } from './process-record.ts';
import type { ProcessStatus } from './process-status.ts';
import { processStatus } from './read-status.ts';
import { RestartPolicy } from './restart-policy.ts';
import { runEvent } from './run-event.ts';
import { triggerMemory } from './trigger-memory.ts';
import { deadLetters, redeliverDeadLetters, type DeadLetter } from './dead-letters.ts';
import { waitingEffects, type WaitingEffect } from './waiting-effects.ts';

/** A piece of an answer, with the run that it belongs to. */
export interface ProcessUpdate {
  processName: string;
  runId: string;
  eventId: string;
  chunk: StreamChunk;
}

/** Who asked for a move: a process that an operator stopped stays stopped when the host starts again. */
export type Initiator = 'operator' | 'host';

export interface AgentProcessInit {
  name: string;
  processId: string;
  config: ProcessConfig;
  digest: string;
  /** Path of the manifest. */
  source?: string;
  baseDirectory: string;
  journal: Journal;
}

/**
 * A long-running agent. What it is and knows is the fold of its journal; this class decides and records.
 *
 * States and moves are those of `validTransitions`. Taking up a process after a crash is `start()` too: a process whose journal says `running` goes on running,
 * with its pending events, its open runs and what its triggers missed.
 */
export class AgentProcess {
  readonly name: string;
  readonly processId: string;
  readonly lifecycle: ProcessLifecycle;
  readonly #init: AgentProcessInit;
  readonly #deps: RuntimeDependencies;
  readonly #logger: Logger;
  readonly #record: ProcessRecord;
  readonly #restarts: RestartPolicy;
  readonly #subscribers = new Set<(update: ProcessUpdate) => void>();
  #live: LiveProcess | undefined;
  #worker: MailboxWorker | undefined;
  #heartbeat: Heartbeat | undefined;
  #memory: MemoryProvider | undefined;
  #context: AgentContext | undefined;
  #filtered = 0;
  #brokenBecause: string | undefined;
  #operation: Promise<void> = Promise.resolve();
  #wokenAt = 0;

  constructor(deps: RuntimeDependencies, init: AgentProcessInit, options: RuntimeOptions = {}) {
    this.name = init.name;
    this.processId = init.processId;
    this.#init = init;
    this.#deps = deps;
    this.#logger = deps.logger.child({ process: init.name });
    this.#record = new ProcessRecord(init.journal, init.processId, init.config, options.checkpointEvery ?? 500);
    this.lifecycle = new ProcessLifecycle(
      init.processId,
      {
        read: () => this.#record.lifecycle(),
        record: async (move) => {
          await this.#record.write([{ entryType: 'state_transition', data: { ...move } }]).durable;
        },
      },
      this.#logger,
    );
    this.#restarts = new RestartPolicy({
      clock: deps.clock,
      logger: this.#logger,
      config: () => this.config,
      restartCount: () => this.#record.summary().restart_count,
      record: (entry) => this.#record.write([entry]).durable,
      start: () => this.start({ by: 'host', reason: 'restart policy' }),
    });
  }

  get state(): ProcessState {
    return this.#brokenBecause === undefined ? this.lifecycle.state : ProcessState.FAILED;
  }

  get config(): ProcessConfig {
    return this.#record.config();
  }

  /** Path of the manifest that it was loaded from. */
  get source(): string | undefined {
    return this.#init.source;
  }

  /** True while its triggers listen and its mailbox is served. */
  get isLive(): boolean {
    return this.#live !== undefined;
  }

  get isHibernating(): boolean {
    return !this.#record.isAwake;
  }

  /** @throws ProcessHibernatedError while it hibernates; `await wake()` first */
  get context(): AgentContext {
    if (this.#context === undefined) throw new ProcessHibernatedError(this.name);
    return this.#context;
  }

  /** Reads the state back from the journal when it is not in memory. */
  async wake(): Promise<void> {
    if (!this.#record.isAwake) await this.#record.wake();
    this.#wokenAt = this.#deps.clock.now();
    this.#context ??= new AgentContext(
      {
        read: () => this.#record.states.context,
        record: async (write) => {
          await this.#record.write([{ entryType: 'context_update', data: { ...write } }]).durable;
        },
        clear: async () => {
          await this.#record.write([{ entryType: 'context_cleared', data: {} }]).durable;
        },
      },
      {
        writableKeys: this.config.context.writableKeys,
        fileMounts: this.config.context.fileMounts,
        envPrefix: this.config.context.envPrefix,
        environment: this.#deps.environment,
        ...(this.#memory === undefined ? {} : { memoryProvider: this.#memory }),
      },
    );
  }

  /**
   * Lets the state leave memory, when nothing is under way and it was not needed for `idleMs`. Triggers keep listening; the next event reads it back.
   *
   * @returns whether it hibernates now
   */
  async hibernate(idleMs = 0): Promise<boolean> {
    if (!this.#record.isAwake || this.#init.config.journal.level === 'none' || this.#init.config.journal.backend === 'memory') return this.isHibernating;
    const busy = () => (this.#worker?.activeRuns ?? 0) > 0 || this.#record.states.mailbox.pending_count > 0 || this.#subscribers.size > 0;
    if (busy() || this.#deps.clock.now() - this.#wokenAt < idleMs) return false;
    if (!(await this.#record.hibernate(() => !busy()))) return false;
    this.#context = undefined;
    await this.#live?.release();
    return true;
  }

  /**
   * Starts the process, or takes it up where a crash left it. Resolves when its triggers listen.
   *
   * @throws ProcessStateError when it runs already; whatever keeps a model or a trigger from starting (the process is `failed` then, and nothing of it is left running)
   */
  async start(options: { by?: Initiator; reason?: string } = {}): Promise<void> {
    this.#restarts.cancel();
    await this.#exclusive(async () => {
      await this.wake();
      if (this.#live === undefined && this.state === ProcessState.STOPPING) await this.lifecycle.transition(ProcessState.STOPPED, { reason: 'the host ended while it was stopping' });
      const takenUp = this.#live === undefined && this.#brokenBecause === undefined && ['starting', 'running', 'suspended', 'awaiting'].includes(this.lifecycle.state);
      if (takenUp) await this.#record.write([{ entryType: 'process_recovered', data: { state: this.lifecycle.state, pending_events: this.#record.states.mailbox.pending_count } }]).durable;
      else await this.lifecycle.transition(ProcessState.STARTING, { reason: options.reason ?? 'start', metadata: { by: options.by ?? 'operator' } });
      await this.#begin();
    });
  }

  async #begin(): Promise<void> {
    const { journal, ...rest } = this.#init;
    await this.#record.deploy(rest);
    this.#context = undefined;
    const live = new LiveProcess(this.#deps, {
      processName: this.name,
      baseDirectory: this.#init.baseDirectory,
      logger: this.#logger,
      memoryOf: (triggerId) => triggerMemory(() => this.#triggerRecord(triggerId)),
      onTriggerStart: (triggerId, triggerType) => {
        if (this.#triggerRecord(triggerId)?.first_started_at == null) void this.#record.write([{ entryType: 'trigger_started', data: { trigger_id: triggerId, trigger_type: triggerType } }]).durable.catch(() => {});
        this.#record.armTrigger(triggerId);
      },
      accept: (event) => this.#accept(event),
      onFiltered: () => {
        this.#filtered += 1;
      },
    });
    try {
      this.#memory = await this.#deps.createMemory?.(this.config, { processName: this.name, baseDirectory: this.#init.baseDirectory });
      await this.wake();
      this.#worker = this.#createWorker(live);
      this.#live = live;
      await live.start(this.config);
      if (this.lifecycle.state === ProcessState.STARTING) await this.lifecycle.transition(ProcessState.RUNNING, { reason: 'started' });
    } catch (error) {
      await this.#tearDown(0);
      await this.lifecycle.transition(ProcessState.FAILED, { reason: `it could not start: ${describeError(error)}` });
      throw error;
    }
    for (const { path, message } of inactiveFeatures(this.config)) this.#logger.warn({ field: path }, message);
    this.#heartbeat = new Heartbeat(this.#deps.clock, this.config, {
      isIdle: () => this.state === ProcessState.RUNNING && this.#worker?.activeRuns === 0 && this.#record.summary().pending_count === 0,
      lastActivityAt: () => Math.max(this.#wokenAt, Date.parse(this.#record.summary().last_activity ?? '') || 0),
      startedAt: () => Date.parse(this.#record.lifecycle().started_at ?? '') || this.#deps.clock.now(),
      onIdle: () => this.suspend(idleReason),
      onLifetime: () => this.#onLifetime(),
    });
    await this.#settleAwaiting();
    this.#worker?.kick();
  }

  /**
   * Stops: takes no further events, waits for running runs up to `stop_grace`, then cuts them off. Whatever is pending stays in the journal and goes on after the next start.
   * A process that never ran becomes `stopped`; one that failed is cleaned up and stays `failed`; a stopped one stays as it is.
   */
  async stop(options: { by?: Initiator; reason?: string } = {}): Promise<void> {
    this.#restarts.cancel();
    await this.#exclusive(async () => {
      await this.wake();
      const metadata = { by: options.by ?? 'operator' };
      const reason = options.reason ?? 'stop';
      switch (this.lifecycle.state) {
        case ProcessState.STOPPED:
          return;
        case ProcessState.CREATED:
          await this.lifecycle.transition(ProcessState.STOPPED, { reason, metadata });
          return;
        case ProcessState.FAILED:
          await this.#tearDown(0);
          return;
        case ProcessState.STOPPING:
          break;
        default:
          await this.lifecycle.transition(ProcessState.STOPPING, { reason, metadata });
      }
      await this.#tearDown(this.config.stopGraceMs);
      await this.lifecycle.transition(ProcessState.STOPPED, { reason, metadata });
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
    this.#worker?.kick();
  }

  /**
   * Puts an event into the mailbox; it is durable when this resolves. `duplicate`: an event of this id was taken before, and nothing runs twice.
   *
   * @throws EventRefusedError when the process takes no events; InvalidInputError when the payload is not plain JSON
   */
  async inject(event: Partial<TriggerEvent> & { payload: JsonValue }): Promise<{ eventId: string; outcome: 'accepted' | 'duplicate' }> {
    const complete: TriggerEvent = {
      triggerId: event.triggerId ?? 'inject',
      triggerType: event.triggerType ?? 'inject',
      eventId: event.eventId ?? this.#deps.createId(),
      timestamp: event.timestamp ?? this.#deps.clock.now(),
      payload: event.payload,
      metadata: event.metadata ?? {},
      cause: event.cause ?? [],
    };
    if (complete.eventId.length === 0 || complete.eventId.length > 500) throw new InvalidInputError('event_id', `must have 1 to 500 characters, got ${complete.eventId.length}`);
    return { eventId: complete.eventId, outcome: await this.#accept(complete) };
  }

  /** Calls `listener` with every piece of every answer. @returns ends the subscription */
  subscribe(listener: (update: ProcessUpdate) => void): () => void {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  status(): ProcessStatus {
    return processStatus({
      name: this.name,
      processId: this.processId,
      state: this.state,
      config: this.#record.config(),
      summary: this.#record.summary(),
      stateReason: this.#brokenBecause ?? this.#record.stateReason(),
      isHibernating: this.isHibernating,
      isLanguageModel: this.#live?.isLanguageModel ?? true,
      hasMemory: this.#memory !== undefined,
      triggerCount: this.#live?.triggerCount ?? 0,
      filtered: this.#filtered,
      activeRuns: this.#worker?.activeRuns ?? 0,
      startedAt: this.#live === undefined ? undefined : this.#record.lifecycle().started_at,
      now: this.#deps.clock.now(),
    });
  }

  readJournal(query?: JournalQuery): Promise<JournalEntry[]> {
    return this.#init.journal.read(this.processId, query);
  }

  /** Events that were given up, oldest first. */
  async deadLetters(): Promise<DeadLetter[]> {
    await this.wake();
    return deadLetters(this.#record.states.mailbox);
  }

  /** Opens given-up events again, all of them or one; each gets a new run. @returns their ids */
  async redeliver(eventId?: string, options: { by?: string } = {}): Promise<string[]> {
    await this.wake();
    const letters: DeadLetterRecord[] = redeliverDeadLetters(this.#record.states.mailbox, eventId);
    if (letters.length > 0) {
      const entries = letters.map(({ event }): OwnEntry => ({ entryType: 'dead_letter_redelivered', data: { event_id: event.event_id, event: { ...event }, by: options.by ?? 'operator' } }));
      await this.#record.write(entries).durable;
      this.#worker?.kick();
    }
    return letters.map(({ event }) => event.event_id);
  }

  /** Takes every dead letter off the list; the journal keeps them. @returns how many */
  async clearDeadLetters(): Promise<number> {
    await this.wake();
    const count = this.#record.states.mailbox.dead_letter_count;
    if (count > 0) await this.#record.write([{ entryType: 'dead_letters_cleared', data: {} }]).durable;
    return count;
  }

  /** Effects whose outcome nobody knows: each holds a run until it is settled with `resolveEffect`. */
  async waitingEffects(): Promise<WaitingEffect[]> {
    await this.wake();
    return waitingEffects(this.#record.states);
  }

  /**
   * Settles an effect. `happened`: the run goes on with `result`, or with the word that it happened; `not-happened`: the agent is told so and decides;
   * `retry`: it is executed again, with the same idempotency key.
   *
   * @throws UnknownEffectError when no such effect waits
   */
  async resolveEffect(effectId: string, resolution: 'happened' | 'not-happened' | 'retry', options: { result?: JsonValue; by?: string } = {}): Promise<void> {
    await this.wake();
    const waiting = waitingEffects(this.#record.states);
    const effect = waiting.find((candidate) => candidate.effect_id === effectId);
    if (effect === undefined) throw new UnknownEffectError(effectId, waiting.map((candidate) => candidate.effect_id));
    await this.#record.effects.resolve(effectId, resolution, options);
    this.#worker?.noteResolved(effect.run_id);
    await this.#settleAwaiting();
    this.#worker?.kick();
  }

  /** Reverts to the original configuration, in open mode. */
  async rollback(): Promise<string> {
    throw new FeatureNotAvailableError('rollback', this.config.executionMode === 'open' ? 'agents can not change themselves yet, so there is nothing to revert' : 'the process is in strict mode and never changes itself');
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
    await this.#record.write([{ entryType: 'process_removed', data: {} }]).durable;
  }

  async #accept(event: TriggerEvent): Promise<'accepted' | 'duplicate'> {
    if (this.#brokenBecause !== undefined) throw new EventRefusedError(this.name, this.#brokenBecause);
    if (this.#live === undefined) throw new EventRefusedError(this.name, `it is ${this.state}`);
    assertJsonValue(event.payload, 'payload');
    assertJsonValue(event.metadata, 'metadata');
    if (!this.#record.isAwake) await this.wake();
    const { mailbox } = this.#record.states;
    if (!acceptingStates.has(this.state)) throw new EventRefusedError(this.name, `it is ${this.state}`);
    if (knowsEvent(mailbox, event.eventId)) {
      // The first delivery may still be on its way to the disk: a duplicate is acknowledged no earlier than it.
      await this.#record.settled();
      return 'duplicate';
    }
    if (mailbox.pending_count >= this.config.triggerDelivery.maxPending) throw new EventRefusedError(this.name, `${mailbox.pending_count} events wait already`, 5_000);
    this.#wokenAt = this.#deps.clock.now();
    const document = triggerEventToDocument(event);
    await this.#record.write([{ entryType: 'trigger_event', cause: event.cause, data: { ...document } }]).durable;
    if (this.state === ProcessState.SUSPENDED && this.#record.stateReason() === idleReason) await this.resume().catch(() => {});
    this.#worker?.kick();
    return 'accepted';
  }

  #createWorker(live: LiveProcess): MailboxWorker {
    const { clock, scheduler, createId } = this.#deps;
    return new MailboxWorker({
      clock,
      scheduler,
      createId,
      logger: this.#logger,
      config: () => this.config,
      mailbox: () => this.#record.states.mailbox,
      runsStarted: () => this.#record.states.counters.runs_started,
      consecutiveFailures: () => this.#record.states.counters.consecutive_failures,
      mayRun: () => this.#record.isAwake && this.#brokenBecause === undefined && (this.lifecycle.state === ProcessState.RUNNING || this.lifecycle.state === ProcessState.AWAITING),
      isParked: (runId) => this.#record.effects.isParked(runId),
      record: (entries) => this.#record.write(entries),
      run: async (pending, runId, signal) => {
        await this.wake();
        return runEvent({ deps: this.#deps, config: this.config, live, record: this.#record, context: this.context, logger: this.#logger, processName: this.name, pending, runId, signal, publish: (chunk) => this.#publish({ processName: this.name, runId, eventId: pending.event.event_id, chunk }) });
      },
      onParked: async (runId, effectIds) => {
        this.#logger.warn({ runId, effectIds }, 'a run waits: nobody knows whether a call happened; settle it with `cortex resolve EFFECT happened|not-happened|retry`');
        await this.#settleAwaiting();
      },
      onClosed: async () => {
        this.#wokenAt = this.#deps.clock.now();
        await this.#record.checkpointIfDue();
      },
      onFailing: (reason) => this.#fail(reason),
    });
  }

  /** `awaiting` is what `running` is called while a run waits for a person. */
  async #settleAwaiting(): Promise<void> {
    const waits = waitingEffects(this.#record.states).length > 0;
    if (waits && this.lifecycle.state === ProcessState.RUNNING) await this.lifecycle.transition(ProcessState.AWAITING, { reason: 'the outcome of a call is unknown' });
    else if (!waits && this.lifecycle.state === ProcessState.AWAITING) await this.lifecycle.transition(ProcessState.RUNNING, { reason: 'every unknown outcome is settled' });
  }

  async #fail(reason: string): Promise<void> {
    const journalWorks = await this.lifecycle.transition(ProcessState.FAILED, { reason }).then(
      () => true,
      () => this.lifecycle.state === ProcessState.FAILED,
    );
    if (!journalWorks) this.#brokenBecause = reason;
    this.#logger.error({ reason }, 'the process has failed');
    // Not waited for: the run that failed is among those that the tear-down waits for.
    void this.#exclusive(() => this.#tearDown(0)).then(() => (journalWorks ? this.#restarts.onFailed(reason) : undefined));
  }

  async #onLifetime(): Promise<void> {
    if (this.config.restartPolicy !== 'always') {
      await this.stop({ by: 'host', reason: 'max_lifetime' });
      return;
    }
    await this.stop({ by: 'host', reason: 'max_lifetime' });
    await this.start({ by: 'host', reason: 'recycled after max_lifetime' });
  }

  async #tearDown(graceMs: number): Promise<void> {
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    const live = this.#live;
    const worker = this.#worker;
    await live?.stopTriggers();
    await worker?.drain(graceMs);
    this.#live = undefined;
    this.#worker = undefined;
    await live?.release();
    await this.#memory?.close();
    this.#memory = undefined;
  }

  #triggerRecord(triggerId: string): TriggerRecord | undefined {
    return this.#record.isAwake ? triggerRecordOf(this.#record.states.mailbox, triggerId) : this.#record.armedTrigger(triggerId);
  }

  #publish(update: ProcessUpdate): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(update);
      } catch (error) {
        this.#logger.warn({ error: describeError(error) }, 'a subscriber failed');
      }
    }
  }

  /** One lifecycle operation at a time; a second waits for the first. */
  #exclusive(operation: () => Promise<void>): Promise<void> {
    const next = this.#operation.then(operation, operation);
    this.#operation = next.catch(() => {});
    return next;
  }
}

const idleReason = 'idle timeout';
const acceptingStates: ReadonlySet<ProcessState> = new Set<ProcessState>([ProcessState.STARTING, ProcessState.RUNNING, ProcessState.SUSPENDED, ProcessState.AWAITING]);
