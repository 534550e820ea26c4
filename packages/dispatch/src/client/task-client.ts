import { BusConflictError, type BusNotice, type EventBus, type MessageBus, type RestoredMessage } from '@cortex-runtime/bus';
import { describeError, InvalidInputError, silentLogger, type Clock, type IdGenerator, type Logger, type Timer } from '@cortex-runtime/core';
import { z } from 'zod';

import { ResultTimeoutError, TasksNotSubmittedError } from '../errors.ts';
import { completeTaskPayload, writeTaskPayload, type NewTask, type TaskPayload } from '../task/task-payload.ts';
import { readTaskResult, writeTaskResult, type TaskResult } from '../task/task-result.ts';
import { agentStream, domainStream, RESULTS_STREAM, resultIdOf } from '../task/task-streams.ts';
import { cancelledResult } from './cancelled-result.ts';
import { ResultReader, type ResultHandler } from './result-reader.ts';
import { ResultWatch } from './result-watch.ts';
import type { SubmittedTask } from './submitted-task.ts';
import type { OutboxTask, TaskOutbox } from './task-outbox.ts';

export interface TaskClientDependencies {
  bus: MessageBus;
  clock: Clock;
  createId: IdGenerator;
  logger?: Logger;
  /** Keeps what was handed in until its outcome is known, so that tasks that the bus has lost are found and handed in again. */
  outbox?: TaskOutbox;
  /** Told when somebody wants a task back that an agent has taken into its own journal (`task.cancel_requested`). */
  events?: EventBus;
  /** Told of tasks that the bus had accepted and no longer had, and that were handed in again. */
  onLost?: (lost: { taskId: string; msgId: string }) => void;
}

/** How a client looks after what it has handed in. */
export const TaskClientOptions = z.strictObject({
  /** Milliseconds between two looks through the outbox while tasks are open: a loss may be noticed by another process only. */
  lookEveryMs: z.number().min(100).default(30_000),
});
export type TaskClientOptions = z.input<typeof TaskClientOptions>;

/** The event that asks hosts to take a task back. */
export const cancelEvent = 'task.cancel_requested';

/** A task as it is handed in. */
type GivenTask = Pick<OutboxTask, 'taskId' | 'stream' | 'payload'>;

/** Where a task goes: to one agent, or to any agent of a domain (the task's own when nothing is said). */
export interface Destination {
  agent?: string;
  domain?: string;
}

/** Results that the stream keeps while nobody reads it, at least. */
const resultsKept = 3_000;
const noticesOfLoss: readonly BusNotice['type'][] = ['bus.disconnected', 'bus.reset', 'bus.lost', 'bus.forgot'];
/** After trouble: what was under way has been repeated by then. */
const recoverAfterMs = 1_000;
/** Longer than a broker may take until what it has acknowledged survives it: an outcome that it has had for so long is there to stay. */
const settledForMs = 10_000;
const recoveredAtOnce = 64;
/** A result that is not there by then may have come before anybody waited for it. */
const patienceMs = 20;

/**
 * Hands in tasks, takes them back, and brings their results.
 *
 * When `submit` resolves, the task is on the bus, in the durability class of the bus. Handing in the same task again, under its task id, changes nothing.
 *
 * Nothing is connected until it is used; `close` ends what waits.
 */
export class TaskClient {
  readonly #deps: TaskClientDependencies;
  readonly #logger: Logger;
  readonly #lookEveryMs: number;
  readonly #watch: ResultWatch;
  /** The next look through the outbox. */
  #recovery: { at: number; timer: Timer } | undefined;
  #isClosed = false;
  readonly #readers = new Set<ResultReader>();
  /** The time as it was written last. */
  #written = { ms: Number.NaN, text: '' };
  /** Open tasks that the bus says are settled, and when it first did, monotonic. */
  readonly #settledAt = new Map<string, number>();

  constructor(deps: TaskClientDependencies, options: TaskClientOptions = {}) {
    this.#deps = deps;
    this.#lookEveryMs = TaskClientOptions.parse(options).lookEveryMs;
    this.#logger = deps.logger ?? silentLogger;
    this.#watch = new ResultWatch({ bus: deps.bus, logger: this.#logger });
  }

  /** A complete task: what a caller left out is filled in. @throws InvalidInputError, or zod's error, for what does not fit */
  complete(task: NewTask): TaskPayload {
    const payload = completeTaskPayload({ ...task, taskId: task.taskId ?? this.#deps.createId().replaceAll('-', '') });
    if (payload.dispatchedAt === '') payload.dispatchedAt = this.#now();
    return payload;
  }

  /** ISO 8601; many tasks are handed in within one millisecond. */
  #now(): string {
    const ms = this.#deps.clock.now();
    if (ms !== this.#written.ms) this.#written = { ms, text: new Date(ms).toISOString() };
    return this.#written.text;
  }

  /** The stream of a task for this destination. @throws InvalidInputError for names that can not be */
  streamFor({ domain, priority }: Pick<TaskPayload, 'domain' | 'priority'>, destination: Destination = {}): string {
    return destination.agent === undefined ? domainStream(destination.domain ?? domain, priority) : agentStream(destination.agent, priority);
  }

  /**
   * @throws BusFullError when as much work waits as may, BusConnectionError when the bus can not be reached; with an outbox the task is then kept and handed in by `recover`
   */
  async submit(task: NewTask | TaskPayload, destination: Destination = {}): Promise<SubmittedTask> {
    const payload = this.complete(task);
    return this.submitTo(this.streamFor(payload, destination), payload);
  }

  /** As `submit`, to a stream by its name. */
  async submitTo(stream: string, task: TaskPayload): Promise<SubmittedTask> {
    const { bus, outbox } = this.#deps;
    const { taskId } = task;
    let given: GivenTask = { taskId, stream, payload: writeTaskPayload(task) };
    if (outbox !== undefined) given = await this.#keep(outbox, given);
    let msgId: string;
    try {
      msgId = await bus.publish(given.stream, given.payload, { dedupId: taskId });
    } catch (error) {
      if (!(error instanceof BusConflictError)) throw error;
      msgId = error.msgId;
    }
    outbox?.accepted(taskId, msgId);
    return { taskId, stream: given.stream, msgId };
  }

  /**
   * As `submit`, several at once at less cost: for who has hundreds. Tasks of one stream keep their order.
   *
   * @returns the tasks, in order
   * @throws InvalidInputError, or zod's error, for what does not fit: none is handed in then. TasksNotSubmittedError when the bus did not take all of them; it says which
   */
  async submitAll(tasks: readonly (NewTask | TaskPayload)[], destination: Destination = {}): Promise<SubmittedTask[]> {
    const { bus, outbox } = this.#deps;
    const payloads = tasks.map((task) => this.complete(task));
    let given: GivenTask[] = payloads.map((payload) => ({ taskId: payload.taskId, stream: this.streamFor(payload, destination), payload: writeTaskPayload(payload) }));
    if (outbox !== undefined) given = await Promise.all(given.map((each) => this.#keep(outbox, each)));
    const places = new Map<string, number[]>();
    given.forEach(({ stream }, place) => {
      const known = places.get(stream);
      if (known === undefined) places.set(stream, [place]);
      else known.push(place);
    });
    const published: (string | Error)[] = [];
    await Promise.all([...places].map(async ([stream, its]) => {
      const results = await bus.publishAll(stream, its.map((place) => ({ payload: given[place]?.payload ?? '', dedupId: given[place]?.taskId ?? '' })));
      its.forEach((place, index) => (published[place] = results[index] ?? ''));
    }));
    const submitted: SubmittedTask[] = [];
    const refused: { task: TaskPayload; error: Error }[] = [];
    given.forEach(({ taskId, stream }, place) => {
      const result = published[place];
      if (result instanceof Error && !(result instanceof BusConflictError)) {
        refused.push({ task: payloads[place] as TaskPayload, error: result });
        return;
      }
      const msgId = result instanceof BusConflictError ? result.msgId : (result as string);
      outbox?.accepted(taskId, msgId);
      submitted.push({ taskId, stream, msgId });
    });
    if (refused.length > 0) throw new TasksNotSubmittedError(submitted, refused);
    return submitted;
  }

  /** Keeps a task before the bus is asked to take it. @returns the one to hand in: handed in again with another time or context, the first stands, here and on the bus */
  async #keep(outbox: TaskOutbox, given: GivenTask): Promise<GivenTask> {
    if (outbox.find(given.taskId) === undefined) await outbox.submitted(given);
    this.#recoverLater(this.#lookEveryMs);
    return outbox.find(given.taskId) ?? given;
  }

  /**
   * The result of a task, when there is one, or as soon as there is.
   *
   * @throws ResultTimeoutError after `timeoutMs` (ten minutes), the signal's reason when it is aborted
   */
  async waitFor({ taskId, stream }: SubmittedTask, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<TaskResult> {
    const { clock } = this.#deps;
    const { timeoutMs = 600_000, signal } = options;
    let settle: (result: TaskResult) => void = () => {};
    let fail: (error: unknown) => void = () => {};
    const came = new Promise<TaskResult>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    came.catch(() => {});
    // Most results come after somebody has begun to wait for them: who watches already need not ask at once.
    const lookAfterMs = this.#watch.isWatching ? patienceMs : 0;
    const end = await this.#watch.wait(taskId, settle);
    let timer: Timer | undefined;
    let lookTimer: Timer | undefined;
    const onAbort = () => fail(signal?.reason);
    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', onAbort, { once: true });
      timer = clock.setTimer(timeoutMs, () => fail(new ResultTimeoutError(taskId, timeoutMs)), { keepAlive: false });
      // It may have ended before anybody watched.
      const look = () => this.find({ taskId, stream }).then((result) => {
        if (result !== undefined) settle(result);
      }, fail);
      if (lookAfterMs === 0) void look();
      else lookTimer = clock.setTimer(lookAfterMs, () => void look(), { keepAlive: false });
      const result = await came;
      this.#close(taskId);
      return result;
    } finally {
      end();
      timer?.cancel();
      lookTimer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** The result of a task that has ended, as long as it is kept. */
  async find({ taskId, stream }: Pick<SubmittedTask, 'taskId' | 'stream'>): Promise<TaskResult | undefined> {
    const { bus } = this.#deps;
    const published = await bus.findPublished(stream, taskId);
    // What an agent with a journal of its own has taken was settled with that word; its result follows under an id of its own.
    for (const msgId of [published?.followUpId, (await bus.findPublished(RESULTS_STREAM, resultIdOf(taskId)))?.msgId]) {
      const entry = msgId === undefined ? undefined : await bus.fetch(RESULTS_STREAM, msgId);
      const result = entry === undefined ? undefined : readTaskResult(JSON.parse(Buffer.from(entry.payload).toString()));
      if (result?.taskId === taskId) {
        this.#close(taskId);
        return result;
      }
    }
    return undefined;
  }

  /**
   * Takes a task back. Nobody begins it any more; whoever works on it is told to stop, and what that gives is not recorded. With an outbox, a bus that loses that is told again
   * by `recover`.
   *
   * @returns false when it has its outcome already, or an agent has taken it into its own journal; that agent's host is asked through `events`, if there are any
   */
  async cancel({ taskId, stream, msgId }: SubmittedTask, options: { by?: string; reason?: string } = {}): Promise<boolean> {
    const { bus, outbox, events } = this.#deps;
    const entry = await bus.fetch(stream, msgId);
    const result = entry === undefined ? undefined : writeTaskResult(cancelledResult(entry, taskId, options));
    const isRevoked = result !== undefined && (await this.#revoke(stream, msgId, result));
    if (isRevoked) outbox?.cancelled(taskId, result);
    else await events?.publish(cancelEvent, { task_id: taskId, ...options }, { source: 'task-client' });
    return isRevoked;
  }

  /**
   * Calls `handler` with each result, at least once, for as long as some process of the group reads. A handler that fails gets the result again.
   *
   * @param options.group - each group gets every result, beginning with what is kept. A group that nobody reads any more holds the stream: remove it (`XGROUP DESTROY`)
   * @returns ends it
   */
  async onResult(handler: ResultHandler, options: { group: string }): Promise<() => Promise<void>> {
    const reader = new ResultReader({ ...this.#deps, logger: this.#logger }, options.group, handler);
    await reader.start();
    this.#readers.add(reader);
    return async () => {
      this.#readers.delete(reader);
      await reader.stop();
    };
  }

  /**
   * Hands in again what is open in the outbox: what the bus never got, and what it has lost since (a Redis that came back without its newest writes, a fail-over, a flush).
   * What it still has, or has finished, is left alone. To be called at the start, and when the bus notices trouble (`noticed`); while tasks are open it happens now and then by itself.
   *
   * @returns ids of the tasks that were handed in anew
   */
  async recover(): Promise<string[]> {
    const { outbox } = this.#deps;
    if (outbox === undefined) throw new InvalidInputError('outbox', 'is needed to recover what the bus has lost; give the client one');
    const anew: string[] = [];
    const open = outbox.open();
    for (let from = 0; from < open.length; from += recoveredAtOnce) {
      const some = open.slice(from, from + recoveredAtOnce);
      const isAnew = await Promise.all(some.map(({ taskId }) => this.#recover(outbox, taskId)));
      anew.push(...some.filter((_, index) => isAnew[index]).map(({ taskId }) => taskId));
    }
    if (this.#settledAt.size > 0) this.#recoverLater(settledForMs);
    if (open.length > 0) this.#recoverLater(this.#lookEveryMs);
    return anew;
  }

  async #recover(outbox: TaskOutbox, taskId: string): Promise<boolean> {
    const { bus, clock, onLost } = this.#deps;
    // As it is now: a look through many tasks takes a while, in which some are accepted, and others have their outcome.
    const task = outbox.find(taskId);
    if (task === undefined) return false;
    const { stream, payload, cancelled } = task;
    const { msgId, outcome } = await bus.restore(stream, taskId, payload).catch(async (error: unknown): Promise<RestoredMessage> => {
      if (!(error instanceof BusConflictError)) throw error;
      // Somebody else was first with another task under this id: it is theirs to keep.
      const { followUpId } = (await bus.findPublished(stream, taskId)) ?? {};
      return { msgId: error.msgId, outcome: followUpId === undefined ? 'kept' : 'settled' };
    });
    if (outcome === 'settled') {
      // Nobody here has seen the outcome yet, and the bus may still lose it.
      const settledAt = this.#settledAt.get(taskId) ?? clock.monotonic();
      if (clock.monotonic() - settledAt >= settledForMs) this.#close(taskId);
      else this.#settledAt.set(taskId, settledAt);
      return false;
    }
    this.#settledAt.delete(taskId);
    if (outcome === 'restored') {
      // Read now: it may have been accepted, and lost, while this was under way.
      const lostId = outbox.find(taskId)?.msgId ?? null;
      outbox.accepted(taskId, msgId);
      if (lostId !== null && lostId !== msgId) onLost?.({ taskId, msgId: lostId });
    }
    if (cancelled !== null) await this.#revoke(stream, msgId, cancelled);
    return outcome === 'restored';
  }

  #revoke(stream: string, msgId: string, result: string): Promise<boolean> {
    return this.#deps.bus.revoke(stream, msgId, { publish: { stream: RESULTS_STREAM, payload: result, msgType: 'result', maxLength: resultsKept, whileUnread: 'trim' } });
  }

  /** Its outcome is known here. */
  #close(taskId: string): void {
    this.#settledAt.delete(taskId);
    this.#deps.outbox?.closed(taskId);
  }

  /**
   * To be told of what the bus notices: after a lost connection, a reset or a loss the outbox is looked through in a moment. Does nothing without an outbox.
   */
  noticed({ type }: BusNotice): void {
    if (noticesOfLoss.includes(type)) this.#recoverLater(recoverAfterMs);
  }

  #recoverLater(afterMs: number): void {
    const { outbox, clock } = this.#deps;
    const at = clock.monotonic() + afterMs;
    if (outbox === undefined || this.#isClosed || (this.#recovery !== undefined && this.#recovery.at <= at)) return;
    this.#recovery?.timer.cancel();
    const look = () => {
      this.#recovery = undefined;
      this.recover().catch((error: unknown) => {
        this.#logger.warn({ error: describeError(error) }, 'looking for lost tasks failed; it is tried again');
        this.#recoverLater(recoverAfterMs);
      });
    };
    this.#recovery = { at, timer: clock.setTimer(afterMs, look, { keepAlive: false }) };
  }

  /** Ends what waits. Results that are being handled are. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#recovery?.timer.cancel();
    await this.#watch.close();
    await Promise.all([...this.#readers].map((reader) => reader.stop()));
    this.#readers.clear();
  }
}
