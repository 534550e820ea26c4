import { backoffMs, CortexError, describeError, type Clock, type IdGenerator, type JsonObject, type Logger, type Timer } from '@cortex-runtime/core';
import type { OwnJournalEntry, PendingWrite } from '@cortex-runtime/journal';
import type { ProcessConfig } from '@cortex-runtime/manifest';
import type { CronScheduler } from '@cortex-runtime/triggers';

import type { RunOutcome } from '../run/execute-run.ts';
import { replyToOf } from '../replies/reply-to.ts';
import { cancelledReason } from '../replies/replies-projection.ts';
import { findPending, type MailboxState, type PendingEvent } from './mailbox-projection.ts';

/** What the worker needs of its process. */
export interface MailboxWorkerPorts {
  clock: Clock;
  scheduler: CronScheduler;
  logger: Logger;
  createId: IdGenerator;
  config(): ProcessConfig;
  mailbox(): MailboxState;
  runsStarted(): number;
  consecutiveFailures(): number;
  /** Whether runs may be begun in the process's present state. */
  mayRun(): boolean;
  /** Whether an effect of this run waits for a person. */
  isParked(runId: string): boolean;
  record(entries: readonly OwnJournalEntry[]): PendingWrite;
  run(pending: PendingEvent, runId: string, signal: AbortSignal): Promise<RunOutcome>;
  /** A run waits for a person. */
  onParked(runId: string, effectIds: readonly string[]): Promise<void>;
  /** An event was closed: by its result, given up, or cancelled. */
  onClosed(triggerId: string): Promise<void>;
  /** Too many events were given up in a row, or the journal is gone. */
  onFailing(reason: string): Promise<void>;
}

interface RunInMemory {
  controller: AbortController;
  done: Promise<void>;
  isCancelled: boolean;
}

/** A run that is interrupted this often without getting any further counts as a failed attempt: it may be what kills the host. */
const maxInterruptions = 10;
const responseChars = 2_000;
const errorChars = 1_000;

/**
 * Serves the mailbox: the oldest event first, up to `concurrency` at a time, failed ones again after a wait, and given up after the last retry.
 *
 * It holds no queue of its own: what is pending is what the fold says, before and after a crash.
 */
export class MailboxWorker {
  readonly #ports: MailboxWorkerPorts;
  /** Runs in memory, by event id. */
  readonly #active = new Map<string, RunInMemory>();
  #retryTimer: { timer: Timer; dueAt: number } | undefined;
  #stopped = false;

  constructor(ports: MailboxWorkerPorts) {
    this.#ports = ports;
  }

  /** Runs that are in memory now. */
  get activeRuns(): number {
    return this.#active.size;
  }

  /** Whether nothing is lost when it is dropped and made anew for the next event. */
  get isDisposable(): boolean {
    return this.#active.size === 0 && this.#retryTimer === undefined && !this.#stopped;
  }

  /** Begins whatever may begin. Cheap when there is nothing; call it after every change. */
  kick(): void {
    if (this.#stopped || !this.#ports.mayRun()) return;
    const { pending_count, pending: mailbox } = this.#ports.mailbox();
    const { concurrency } = this.#ports.config();
    // A run keeps its slot until its last entry is durable, also after its event has left the mailbox.
    let free = concurrency - this.#active.size;
    if (pending_count === 0 || free <= 0) return;
    const now = this.#ports.clock.now();
    let nextDueAt = Number.POSITIVE_INFINITY;
    const ready: PendingEvent[] = [];
    for (const key in mailbox) {
      const pending = mailbox[key] as PendingEvent;
      if (this.#active.has(pending.event.event_id)) continue;
      // A parked run keeps its slot: later events of an agent that works in order wait behind it.
      if (pending.state === 'running' && pending.run_id !== null && this.#ports.isParked(pending.run_id)) free -= 1;
      else if (pending.state === 'retry' && (pending.due_at ?? 0) > now) nextDueAt = Math.min(nextDueAt, pending.due_at ?? now);
      else ready.push(pending);
      if (ready.length >= free) break;
    }
    for (const pending of ready.slice(0, Math.max(0, free))) this.#begin(pending);
    this.#armRetry(nextDueAt);
  }

  /** Lets no further run begin, waits up to `graceMs` for those under way, then cuts them off. What was cut off stays open in the journal and goes on after the next start. */
  async drain(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#retryTimer?.timer.cancel();
    this.#retryTimer = undefined;
    const runs = [...this.#active.values()];
    if (runs.length === 0) return;
    const all = Promise.all(runs.map((run) => run.done));
    let timer: Timer | undefined;
    const expired = new Promise<'expired'>((resolve) => (timer = this.#ports.clock.setTimer(graceMs, () => resolve('expired'))));
    if ((await Promise.race([all, expired])) === 'expired') {
      this.#ports.logger.warn({ runs: runs.length, graceMs }, 'runs are cut off after the grace period; they go on at the next start');
      for (const run of runs) run.controller.abort(new StopSignal());
      await all;
    }
    timer?.cancel();
  }

  /** Closes an event without an outcome of its run, which is cut off when it is under way. @returns false when there is no such event */
  async cancel(eventId: string, why: string): Promise<boolean> {
    const pending = findPending(this.#ports.mailbox(), eventId);
    if (pending === undefined) return false;
    const active = this.#active.get(eventId);
    if (active !== undefined) {
      active.controller.abort(new CancelSignal(why));
      await active.done;
      return active.isCancelled;
    }
    await this.#cancelled(pending, pending.run_id, why);
    this.kick();
    return true;
  }

  async #cancelled(pending: PendingEvent, runId: string | null, why: string): Promise<void> {
    this.#ports.logger.info({ eventId: pending.event.event_id, runId, why }, 'an event is cancelled');
    await this.#ports.record([deadLetterEntry(pending, runId, cancelledReason, why, pending.attempt, false)]).durable;
    await this.#ports.onClosed(pending.event.trigger_id);
  }

  #begin(pending: PendingEvent): void {
    const controller = new AbortController();
    const eventId = pending.event.event_id;
    const run: RunInMemory = { controller, done: Promise.resolve(), isCancelled: false };
    run.done = this.#handle(pending, run)
      .catch((error: unknown) => this.#ports.onFailing(describeError(error)))
      .finally(() => {
        this.#active.delete(eventId);
        this.kick();
      });
    this.#active.set(eventId, run);
  }

  async #handle(pending: PendingEvent, run: RunInMemory): Promise<void> {
    const { controller } = run;
    const { clock, createId, logger } = this.#ports;
    const interrupted = pending.state === 'running';
    const attempt = interrupted ? pending.attempt : pending.attempt + 1;
    const invocation = pending.invocation ?? this.#ports.runsStarted() + 1;
    const runId = pending.run_id ?? createId();
    const { journal, maxInvocationTimeMs } = this.#ports.config();
    if (interrupted) {
      logger.info({ runId, eventId: pending.event.event_id, fromBeginning: journal.level !== 'full' }, journal.level === 'full' ? 'an interrupted run goes on' : 'an interrupted run starts again from its beginning');
    }
    const start: OwnJournalEntry = {
      entryType: 'invocation_start',
      runId,
      cause: causeOf(pending),
      data: { invocation, event_id: pending.event.event_id, attempt, ...(interrupted ? { resumed: this.#resumeKind(runId) } : {}) },
    };
    // Not waited for: the first effect's sync covers it, and a run without effects covers it with its result.
    void this.#ports.record([start]).durable.catch(() => {});
    if (pending.interruptions >= maxInterruptions) {
      await this.#failed(pending, runId, new Error(`the run was interrupted ${pending.interruptions} times without getting any further`), true);
      return;
    }
    const startedAt = clock.monotonic();
    const limit = maxInvocationTimeMs > 0 ? clock.setTimer(maxInvocationTimeMs, () => controller.abort(new Error(`the run took longer than ${maxInvocationTimeMs} ms (max_invocation_time)`))) : undefined;
    let outcome: RunOutcome;
    try {
      outcome = await this.#ports.run(pending, runId, controller.signal);
    } catch (error) {
      const { reason } = controller.signal;
      if (reason instanceof StopSignal) return;
      if (reason instanceof CancelSignal) {
        run.isCancelled = true;
        await this.#cancelled(pending, runId, reason.message);
        return;
      }
      if (CortexError.is(error) && (error.code === 'JOURNAL_FAILED' || error.code === 'JOURNAL_CLOSED')) throw error;
      await this.#failed(pending, runId, controller.signal.aborted ? controller.signal.reason : error, !CortexError.is(error) || error.retryable || controller.signal.aborted);
      return;
    } finally {
      limit?.cancel();
    }
    if (outcome.status === 'parked') {
      this.#resolved.delete(runId);
      await this.#ports.onParked(runId, outcome.effectIds);
      return;
    }
    await this.#ports.record([resultEntry(pending, runId, invocation, outcome, Math.round(clock.monotonic() - startedAt))]).durable;
    this.#resolved.delete(runId);
    await this.#ports.onClosed(pending.event.trigger_id);
  }

  /** Runs that go on because a person settled an effect, not because they were interrupted. */
  readonly #resolved = new Set<string>();

  /** Tells the worker that a parked run goes on by decision. */
  noteResolved(runId: string): void {
    this.#resolved.add(runId);
  }

  #resumeKind(runId: string): 'resolved' | 'interrupted' {
    return this.#resolved.has(runId) ? 'resolved' : 'interrupted';
  }

  async #failed(pending: PendingEvent, runId: string, error: unknown, retryable: boolean): Promise<void> {
    const { triggerDelivery, maxConsecutiveFailures } = this.#ports.config();
    const { clock, logger } = this.#ports;
    const eventId = pending.event.event_id;
    const attempts = Math.max(1, pending.attempt);
    const message = describeError(error).slice(0, errorChars);
    const willRetry = retryable && attempts <= triggerDelivery.maxRetries;
    const errorType = CortexError.is(error) ? error.code : error instanceof Error ? error.name : typeof error;
    const entries: OwnJournalEntry[] = [
      { entryType: 'error', runId, cause: causeOf(pending), data: { event_id: eventId, invocation: pending.invocation ?? 0, attempt: attempts, error_type: errorType, error: message, will_retry: willRetry } },
    ];
    if (willRetry) {
      const waitMs = backoffMs(attempts, { baseMs: triggerDelivery.retryBackoffMs, maxMs: triggerDelivery.retryBackoffMaxMs });
      entries.push({ entryType: 'retry_scheduled', runId, data: { event_id: eventId, attempt: attempts + 1, due_at: clock.now() + waitMs } });
      logger.warn({ runId, eventId, attempt: attempts, error: message, waitMs }, 'a run failed and is tried again');
    } else {
      entries.push(deadLetterEntry(pending, runId, retryable ? 'retries exhausted' : 'not retryable', message, attempts));
      logger.error({ runId, eventId, attempt: attempts, error: message }, 'an event was given up; it is in the dead letters');
    }
    await this.#ports.record(entries).durable;
    if (!willRetry) await this.#ports.onClosed(pending.event.trigger_id);
    if (this.#ports.consecutiveFailures() >= maxConsecutiveFailures) await this.#ports.onFailing(`${maxConsecutiveFailures} events in a row were given up; the last error was: ${message}`);
  }

  #armRetry(dueAt: number): void {
    if (this.#retryTimer !== undefined && this.#retryTimer.dueAt === dueAt) return;
    this.#retryTimer?.timer.cancel();
    this.#retryTimer = undefined;
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const timer = this.#ports.scheduler.at(dueAt, () => {
      this.#retryTimer = undefined;
      this.kick();
    });
    this.#retryTimer = { timer, dueAt };
  }
}

/** The reason with which a run is cut off because its process stops. */
class StopSignal extends Error {}

/** The reason with which a run is cut off because somebody does not want it any more. */
class CancelSignal extends Error {}

/** What led to the run: the event's causes, then the event. */
function causeOf(pending: PendingEvent): readonly string[] {
  return [...pending.event.cause, pending.event.event_id];
}

function deadLetterEntry(pending: PendingEvent, runId: string | null, reason: string, error: string | undefined, attempts: number, countsAsFailure = true): OwnJournalEntry {
  return {
    entryType: 'dead_letter',
    ...(runId === null ? {} : { runId }),
    data: {
      event_id: pending.event.event_id,
      reason,
      ...(error === undefined ? {} : { error }),
      attempts,
      ...(countsAsFailure ? {} : { counts_as_failure: false }),
      ...replyData(pending),
    },
  };
}

/** Where the answer goes, for an event that wants one; with the whole of it, as the rest of the entry holds it cut short or not at all. */
function replyData({ event }: PendingEvent, text?: string): JsonObject {
  const to = replyToOf(event);
  return to === undefined ? {} : { reply: { to, ...(text === undefined ? {} : { text }) } };
}

function resultEntry(pending: PendingEvent, runId: string, invocation: number, outcome: Extract<RunOutcome, { status: 'completed' }>, durationMs: number): OwnJournalEntry {
  const { event } = pending;
  const request = `[${event.trigger_type}] ${typeof event.payload === 'string' ? event.payload : JSON.stringify(event.payload)}`;
  const data: JsonObject = {
    invocation,
    event_id: event.event_id,
    trigger_type: event.trigger_type,
    status: 'completed',
    duration_ms: durationMs,
    response: outcome.response.slice(0, responseChars),
    ...(outcome.sessionId === undefined
      ? { messages: [{ role: 'user', content: request.slice(0, responseChars) }, { role: 'assistant', content: outcome.response }] }
      : { session_id: outcome.sessionId }),
    turns: outcome.turns,
    tool_calls: outcome.toolCalls,
    usage: { input_tokens: outcome.usage.inputTokens, output_tokens: outcome.usage.outputTokens, cached_input_tokens: outcome.usage.cachedInputTokens },
    cost: outcome.cost,
    attempts: pending.attempt,
    ...replyData(pending, outcome.response),
  };
  return { entryType: 'invocation_result', runId, cause: causeOf(pending), data };
}
