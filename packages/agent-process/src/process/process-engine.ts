import { assertJsonValue, CortexError, describeError, StreamChunkKind, type Logger, type StreamChunk } from '@cortex-runtime/core';
import type { ProcessConfig } from '@cortex-runtime/manifest';
import type { MemoryProvider } from '@cortex-runtime/memory';
import type { EmbeddingUsage } from '@cortex-runtime/models';
import { readEventSession } from '@cortex-runtime/session';
import { triggerEventToDocument, type TriggerEvent, type TriggerEventDocument } from '@cortex-runtime/triggers';

import { AgentContext } from '../context/agent-context.ts';
import { EventRefusedError } from '../errors.ts';
import type { ProcessLifecycle } from '../lifecycle/process-lifecycle.ts';
import { ProcessState } from '../lifecycle/process-state.ts';
import { knowsEvent, triggerRecordOf, type PendingEvent, type TriggerRecord } from '../mailbox/mailbox-projection.ts';
import { MailboxWorker } from '../mailbox/mailbox-worker.ts';
import type { RuntimeDependencies } from '../runtime/runtime-dependencies.ts';
import { replyToOf } from '../replies/reply-to.ts';
import { ReplyWorker } from '../replies/reply-worker.ts';
import { resumeAnswered } from './answered-approvals.ts';
import { embeddingUsageEntry } from './embedding-usage.ts';
import { Heartbeat } from './heartbeat.ts';
import { LiveProcess } from './live-process.ts';
import type { ProcessRecord } from './process-record.ts';
import type { ProcessUpdate } from './process-update.ts';
import { runEvent } from './run-event.ts';
import { triggerMemory } from './trigger-memory.ts';

export interface ProcessEnginePorts {
  deps: RuntimeDependencies;
  name: string;
  baseDirectory: string;
  logger: Logger;
  record: ProcessRecord;
  lifecycle: ProcessLifecycle;
  /** Undefined while the journal takes entries. */
  brokenBecause(): string | undefined;
  publish(update: ProcessUpdate): void;
  /** Too many events were given up in a row, or the journal is gone. */
  onFailing(reason: string): Promise<void>;
  onIdle(): Promise<void>;
  onLifetime(): Promise<void>;
}

/** The reason of a suspension that the next event ends. */
export const idleReason = 'idle timeout';

/** Milliseconds that answers on their way are waited for when the process stops; what is left is due at its next start. */
const replyGraceMs = 2_000;

const acceptingStates: ReadonlySet<ProcessState> = new Set<ProcessState>([ProcessState.STARTING, ProcessState.RUNNING, ProcessState.SUSPENDED, ProcessState.AWAITING]);

/** What a process consists of between its start and its stop: triggers, mailbox worker, heartbeat, model, tools and memory. */
export class ProcessEngine {
  readonly #ports: ProcessEnginePorts;
  readonly #live: LiveProcess;
  /** Made for the first event, and again after a hibernation. */
  #worker: MailboxWorker | undefined;
  #heartbeat: Heartbeat | undefined;
  #memory: MemoryProvider | undefined;
  #context: AgentContext | undefined;
  readonly #replies: ReplyWorker;
  #filtered = 0;
  /** Milliseconds since the epoch of the last event, end of a run, resumption or request for the state. */
  #usedAt: number;

  constructor(ports: ProcessEnginePorts) {
    this.#ports = ports;
    this.#usedAt = ports.deps.clock.now();
    this.#live = new LiveProcess(ports.deps, {
      processName: ports.name,
      baseDirectory: ports.baseDirectory,
      logger: ports.logger,
      memoryOf: (triggerId) => triggerMemory(() => this.#triggerRecord(triggerId)),
      onTriggerStart: (triggerId, triggerType) => {
        const known = this.#triggerRecord(triggerId)?.first_started_at ?? undefined;
        if (known === undefined) ports.record.write([{ entryType: 'trigger_started', data: { trigger_id: triggerId, trigger_type: triggerType } }]);
        ports.record.armTrigger(triggerId);
      },
      accept: (event) => this.accept(event),
      onFiltered: () => {
        this.#filtered += 1;
      },
    });
    this.#replies = new ReplyWorker({
      agent: ports.name,
      clock: ports.deps.clock,
      random: ports.deps.random,
      logger: ports.logger,
      replies: ports.deps.replies,
      state: () => ports.record.states.replies,
      record: (entries) => ports.record.write(entries),
      onSettled: () => this.touch(),
    });
  }

  get activeRuns(): number {
    return this.#worker?.activeRuns ?? 0;
  }

  get triggerCount(): number {
    return this.#live.triggerCount;
  }

  get filteredCount(): number {
    return this.#filtered;
  }

  get isLanguageModel(): boolean {
    return this.#live.isLanguageModel;
  }

  get hasMemory(): boolean {
    return this.#memory !== undefined;
  }

  /** When the calendar wakes the process next, if nothing but the calendar does and nothing in memory would be lost meanwhile. */
  calendar(): { dueAt: number | undefined } | undefined {
    return this.#memory === undefined && this.#heartbeat?.isBeating !== true ? this.#live.calendar() : undefined;
  }

  get usedAt(): number {
    return this.#usedAt;
  }

  /** Notes that the process is in use, so that it neither hibernates nor counts as idle. */
  touch(): void {
    this.#usedAt = this.#ports.deps.clock.now();
  }

  /** The agent's context; made anew after a hibernation. */
  context(): AgentContext {
    const { record, deps } = this.#ports;
    const { context } = record.config();
    this.#context ??= new AgentContext(record.contextStore(), {
      writableKeys: context.writableKeys,
      fileMounts: context.fileMounts,
      envPrefix: context.envPrefix,
      environment: deps.environment,
      ...(this.#memory === undefined ? {} : { memoryProvider: this.#memory }),
    });
    return this.#context;
  }

  /** Builds what the configuration names and starts the triggers. When something fails, nothing is left running and the error is thrown on. */
  async start(): Promise<void> {
    const { deps, name, baseDirectory, record, lifecycle } = this.#ports;
    const config = record.config();
    this.#memory = await deps.createMemory?.(config, { processName: name, baseDirectory, onEmbeddingUsage: (usage) => this.#recordUsage(usage) });
    await this.#live.start(config);
    if (lifecycle.state === ProcessState.STARTING) await lifecycle.transition(ProcessState.RUNNING, { reason: 'started' });
    this.#heartbeat = this.#createHeartbeat(config);
    await this.takeUpAnswered();
    this.#replies.kick();
  }

  /** Lets running runs end for `graceMs`, then cuts them off, and closes everything. */
  async stop(graceMs: number): Promise<void> {
    this.#heartbeat?.stop();
    await this.#live.stopTriggers();
    await this.#mailboxWorker().drain(graceMs);
    await this.#replies.stop(replyGraceMs);
    await this.#live.release();
    await this.#memory?.close();
  }

  /** Whether nothing is under way, so that the state may leave memory: a run that waits for a person needs none of it. */
  isIdle(): boolean {
    if (this.activeRuns > 0) return false;
    const { pending_count, parked_runs, due_replies } = this.#ports.record.summary();
    return pending_count === parked_runs && (due_replies === 0 || this.#ports.deps.replies === undefined);
  }

  /** Gives back what hibernation does not keep. */
  async release(): Promise<void> {
    this.#context = undefined;
    if (this.#worker?.isDisposable === true) this.#worker = undefined;
    await this.#live.release();
  }

  kick(): void {
    this.#mailboxWorker().kick();
  }

  /** Closes an event without an outcome of its run. @returns false when it has one already, or there is no such event */
  async cancel(eventId: string, why: string): Promise<boolean> {
    const isCancelled = await this.#mailboxWorker().cancel(eventId, why);
    if (isCancelled) await this.settleAwaiting(); // it may have been what waited for a person
    return isCancelled;
  }

  noteResolved(runId: string): void {
    this.#mailboxWorker().noteResolved(runId);
  }

  /** Puts an event into the mailbox: durable when it resolves. @throws EventRefusedError, InvalidInputError */
  async accept(event: TriggerEvent): Promise<'accepted' | 'duplicate'> {
    const { name, record, lifecycle } = this.#ports;
    const broken = this.#ports.brokenBecause();
    if (broken !== undefined) throw new EventRefusedError(name, broken);
    assertJsonValue(event.payload, 'payload');
    assertJsonValue(event.metadata, 'metadata');
    if (this.#ports.deps.sessions !== undefined) readEventSession(event); // what can not be read is refused here, where its sender is told
    await record.wake();
    if (!acceptingStates.has(lifecycle.state)) throw new EventRefusedError(name, `it is ${lifecycle.state}`);
    const { mailbox } = record.states;
    if (knowsEvent(mailbox, event.eventId)) {
      // The first delivery may still be on its way to the disk: a duplicate is acknowledged no earlier than it.
      await record.settled();
      return 'duplicate';
    }
    if (mailbox.pending_count >= record.config().triggerDelivery.maxPending) throw new EventRefusedError(name, `${mailbox.pending_count} events wait already`, 5_000);
    this.touch();
    try {
      await record.write([{ entryType: 'trigger_event', cause: event.cause, data: { ...triggerEventToDocument(event) } }]).durable;
    } catch (error) {
      if (CortexError.is(error) && error.code === 'JOURNAL_FAILED') await this.#ports.onFailing(describeError(error));
      throw error;
    }
    if (lifecycle.state === ProcessState.SUSPENDED && record.stateReason() === idleReason) await lifecycle.transition(ProcessState.RUNNING, { reason: 'an event came' }).catch(() => {});
    this.kick();
    return 'accepted';
  }

  /** Lets runs go on that wait for an approval which was answered, or has expired, meanwhile. */
  async takeUpAnswered(): Promise<void> {
    const { deps, record, logger } = this.#ports;
    const isAnswered = deps.isApprovalAnswered?.bind(deps);
    try {
      if (isAnswered !== undefined) await resumeAnswered(record, isAnswered, (runId) => this.noteResolved(runId));
    } catch (error) {
      logger.error({ error: describeError(error) }, 'it could not be found out which approvals were answered; the next answer, or the next start, tries again');
    }
    await record.wake(); // it may have left memory meanwhile
    await this.settleAwaiting();
    this.kick();
  }

  /** `awaiting` is what `running` is called while a run waits for a person. */
  async settleAwaiting(): Promise<void> {
    const { record, lifecycle } = this.#ports;
    const isUnknown = record.effects.waiting().length > 0;
    const waits = isUnknown || record.effects.deferred().length > 0;
    const reason = isUnknown ? 'the outcome of a call is unknown' : 'a call waits for an approval';
    if (waits && lifecycle.state === ProcessState.RUNNING) await lifecycle.transition(ProcessState.AWAITING, { reason });
    else if (!waits && lifecycle.state === ProcessState.AWAITING) await lifecycle.transition(ProcessState.RUNNING, { reason: 'nothing waits for a person any more' });
  }

  #mailboxWorker(): MailboxWorker {
    this.#worker ??= this.#createWorker();
    return this.#worker;
  }

  #createWorker(): MailboxWorker {
    const { deps, logger, record, lifecycle } = this.#ports;
    const runningStates: readonly ProcessState[] = [ProcessState.RUNNING, ProcessState.AWAITING];
    return new MailboxWorker({
      clock: deps.clock,
      scheduler: deps.scheduler,
      createId: deps.createId,
      logger,
      config: () => record.config(),
      mailbox: () => record.states.mailbox,
      runsStarted: () => record.states.counters.runs_started,
      consecutiveFailures: () => record.states.counters.consecutive_failures,
      mayRun: () => record.isAwake && this.#ports.brokenBecause() === undefined && runningStates.includes(lifecycle.state),
      isParked: (runId) => record.isParked(runId),
      record: (entries) => record.write(entries),
      run: (pending, runId, signal) => {
        this.#discardPieces(pending);
        return runEvent({
          deps,
          config: record.config(),
          live: this.#live,
          record,
          context: this.context(),
          logger,
          processName: this.#ports.name,
          pending,
          runId,
          signal,
          publish: (chunk) => this.#publish(pending.event, runId, chunk),
        });
      },
      onParked: async (runId, effectIds) => {
        const approvals = record.effects.deferred().filter((effect) => effect.runId === runId).map(({ waitsFor }) => waitsFor['approval_id']);
        if (approvals.length > 0) logger.warn({ runId, effectIds, approvals }, 'a run waits for an approval: `cortex approve ID` or `cortex deny ID`');
        else logger.warn({ runId, effectIds }, 'a run waits: nobody knows whether a call happened; settle it with `cortex resolve EFFECT happened|not-happened|retry`');
        await this.takeUpAnswered(); // one may have been answered while the run was being parked
      },
      onClosed: async (triggerId) => {
        this.touch();
        this.#live.eventClosed(triggerId);
        this.#replies.kick();
        await record.checkpointIfDue();
      },
      onFailing: (reason) => this.#ports.onFailing(reason),
    });
  }

  /** What an attempt said that failed or was interrupted is no part of the answer. */
  #discardPieces({ event, attempt, interruptions }: PendingEvent): void {
    const replyTo = attempt > 1 || interruptions > 0 ? replyToOf(event) : undefined;
    if (replyTo !== undefined) this.#ports.deps.replies?.discard?.(this.#ports.name, replyTo);
  }

  #publish(event: TriggerEventDocument, runId: string, chunk: StreamChunk): void {
    const { deps, name, publish } = this.#ports;
    publish({ processName: name, runId, eventId: event.event_id, chunk });
    const replyTo = replyToOf(event);
    // What an interrupted run had said already is not said again.
    if (replyTo !== undefined && chunk.kind === StreamChunkKind.OUTPUT && chunk.data !== undefined && chunk.metadata?.['served'] !== true) deps.replies?.piece?.(name, replyTo, chunk.data);
  }

  #createHeartbeat(config: ProcessConfig): Heartbeat {
    const { deps, record, lifecycle, logger } = this.#ports;
    return new Heartbeat(deps.clock, config, {
      isIdle: () => lifecycle.state === ProcessState.RUNNING && this.isIdle(),
      lastActivityAt: () => this.#usedAt,
      startedAt: () => Date.parse(record.lifecycle().started_at ?? '') || deps.clock.now(),
      onIdle: () => this.#ports.onIdle(),
      onLifetime: () => this.#ports.onLifetime(),
      onError: (error) => logger.error({ error: describeError(error) }, 'a heartbeat action failed'),
    });
  }

  /** A search that was given up can still end when the state has left memory. */
  #recordUsage(usage: EmbeddingUsage): void {
    const { record, logger } = this.#ports;
    const write = () => record.write([embeddingUsageEntry(usage)]);
    if (record.isAwake) write();
    else void record.wake().then(write).catch((error: unknown) => logger.warn({ ...usage, error: describeError(error) }, 'what embeddings cost could not be recorded'));
  }

  #triggerRecord(triggerId: string): TriggerRecord | undefined {
    const { record } = this.#ports;
    return record.isAwake ? triggerRecordOf(record.states.mailbox, triggerId) : record.armedTrigger(triggerId);
  }
}
