import { BusConflictError, type BusNotice, type EventBus, type MessageBus, type Subscription } from '@cortex-runtime/bus';
import { describeError, InvalidInputError, silentLogger, type Clock, type IdGenerator, type Logger, type Timer } from '@cortex-runtime/core';

import { ResultTimeoutError } from '../errors.ts';
import { completeTaskPayload, writeTaskPayload, type NewTask, type TaskPayload } from '../task/task-payload.ts';
import { resultFollowUp } from '../task/result-follow-up.ts';
import { readTaskResult, type TaskResult } from '../task/task-result.ts';
import { agentStream, domainStream, RESULTS_STREAM, resultIdOf } from '../task/task-streams.ts';
import { cancelledResult } from './cancelled-result.ts';
import { ResultWatch } from './result-watch.ts';
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

/** The event that asks hosts to take a task back. */
export const cancelEvent = 'task.cancel_requested';

/** A task that the bus has. */
export interface SubmittedTask {
  readonly taskId: string;
  readonly stream: string;
  /** Id of its entry. */
  readonly msgId: string;
}

/** Where a task goes: to one agent, or to any agent of a domain (the task's own when nothing is said). */
export interface Destination {
  agent?: string;
  domain?: string;
}

const resultsReadAtOnce = 32;
/** Results that the stream keeps while nobody reads it, at least. */
const resultsKept = 3_000;
/** After trouble: what was under way has been repeated by then. */
const recoverAfterMs = 1_000;

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
  readonly #watch: ResultWatch;
  #recovery: Timer | undefined;
  readonly #subscriptions = new Set<{ subscription: Subscription; running: Promise<void> }>();

  constructor(deps: TaskClientDependencies) {
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#watch = new ResultWatch({ bus: deps.bus, logger: this.#logger });
  }

  /** A complete task: what a caller left out is filled in. @throws InvalidInputError, or zod's error, for what does not fit */
  complete(task: NewTask): TaskPayload {
    const payload = completeTaskPayload({ ...task, taskId: task.taskId ?? this.#deps.createId().replaceAll('-', '') });
    if (payload.dispatchedAt === '') payload.dispatchedAt = new Date(this.#deps.clock.now()).toISOString();
    return payload;
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
    const payload = writeTaskPayload(task);
    const known = outbox?.find(taskId);
    if (known === undefined) await outbox?.submitted({ taskId, stream, payload });
    const msgId = await bus.publish(known?.stream ?? stream, known?.payload ?? payload, { dedupId: taskId }).catch((error: unknown) => {
      // The same task, handed in again with another time or context: the first stands.
      if (error instanceof BusConflictError) return error.msgId;
      throw error;
    });
    outbox?.accepted(taskId, msgId);
    return { taskId, stream: known?.stream ?? stream, msgId };
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
    const end = await this.#watch.wait(taskId, settle);
    let timer: Timer | undefined;
    const onAbort = () => fail(signal?.reason);
    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', onAbort, { once: true });
      timer = clock.setTimer(timeoutMs, () => fail(new ResultTimeoutError(taskId, timeoutMs)), { keepAlive: false });
      // It may have ended before anybody watched.
      this.find({ taskId, stream }).then((result) => {
        if (result !== undefined) settle(result);
      }, fail);
      return await came;
    } finally {
      end();
      timer?.cancel();
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
      if (result?.taskId === taskId) return result;
    }
    return undefined;
  }

  /**
   * Takes a task back. Nobody begins it any more; whoever works on it is told to stop, and what that gives is not recorded.
   *
   * @returns false when it has its outcome already, or an agent has taken it into its own journal; that agent's host is asked through `events`, if there are any
   */
  async cancel({ taskId, stream, msgId }: SubmittedTask, options: { by?: string; reason?: string } = {}): Promise<boolean> {
    const { bus, outbox, events } = this.#deps;
    const entry = await bus.fetch(stream, msgId);
    const isRevoked = entry !== undefined && (await bus.revoke(stream, msgId, { publish: resultFollowUp(cancelledResult(entry, taskId, options), resultsKept) }));
    if (isRevoked) outbox?.closed(taskId);
    else await events?.publish(cancelEvent, { task_id: taskId, ...options }, { source: 'task-client' });
    return isRevoked;
  }

  /**
   * Calls `handler` with each result, at least once, for as long as some process of the group reads. A handler that fails gets the result again.
   *
   * @param options.group - each group gets every result, beginning with what is kept. A group that nobody reads any more holds the stream: remove it (`XGROUP DESTROY`)
   * @returns ends it
   */
  async onResult(handler: (result: TaskResult) => Promise<void> | void, options: { group: string }): Promise<() => Promise<void>> {
    const { bus } = this.#deps;
    await bus.createGroup(RESULTS_STREAM, options.group);
    const subscription = bus.subscribe(RESULTS_STREAM, { group: options.group, maxInFlight: resultsReadAtOnce });
    const entry = { subscription, running: this.#readResults(subscription, handler) };
    this.#subscriptions.add(entry);
    return async () => {
      this.#subscriptions.delete(entry);
      await subscription.stop();
      await entry.running;
    };
  }

  async #readResults(subscription: Subscription, handler: (result: TaskResult) => Promise<void> | void): Promise<void> {
    const handle = async (): Promise<void> => {
      for (;;) {
        const { value: delivery } = await subscription.next();
        if (delivery === undefined) return;
        try {
          const result = readTaskResult(delivery.json());
          await handler(result);
          this.#deps.outbox?.closed(result.taskId);
          await delivery.ack();
        } catch (error) {
          this.#logger.warn({ msgId: delivery.msgId, error: describeError(error) }, 'a result could not be handled; it comes again');
          await delivery.nack(error).catch(() => {});
        }
      }
    };
    await Promise.all(Array.from({ length: resultsReadAtOnce }, handle));
  }

  /**
   * Hands in again what is open in the outbox: what the bus never got, and what it has lost since (a Redis that came back without its newest writes, a fail-over, a flush).
   * What it still has, or has finished, is left alone. To be called at the start, and on `bus.reset`, `bus.lost` and `bus.disconnected`.
   *
   * @returns ids of the tasks that were handed in anew
   */
  async recover(): Promise<string[]> {
    const { outbox } = this.#deps;
    if (outbox === undefined) throw new InvalidInputError('outbox', 'is needed to recover what the bus has lost; give the client one');
    const anew: string[] = [];
    for (const task of outbox.open()) if (await this.#recover(outbox, task)) anew.push(task.taskId);
    return anew;
  }

  async #recover(outbox: TaskOutbox, task: OutboxTask): Promise<boolean> {
    const { bus, onLost } = this.#deps;
    const { taskId, stream, payload } = task;
    const { msgId, outcome } = await bus.restore(stream, taskId, payload);
    if (outcome === 'settled') outbox.closed(taskId);
    if (outcome !== 'restored') return false;
    outbox.accepted(taskId, msgId);
    if (task.msgId !== null) onLost?.({ taskId, msgId: task.msgId });
    return true;
  }

  /**
   * To be told of what the bus notices: after a lost connection, a reset or a loss the outbox is looked through in a moment. Does nothing without an outbox.
   */
  noticed({ type }: BusNotice): void {
    if (this.#deps.outbox === undefined || this.#recovery !== undefined || !['bus.disconnected', 'bus.reset', 'bus.lost'].includes(type)) return;
    this.#recovery = this.#deps.clock.setTimer(
      recoverAfterMs,
      () => {
        this.#recovery = undefined;
        this.recover().catch((error: unknown) => {
          this.#logger.warn({ error: describeError(error) }, 'looking for lost tasks failed; it is tried again');
          this.noticed({ type: 'bus.disconnected', connection: 'outbox', error: describeError(error) });
        });
      },
      { keepAlive: false },
    );
  }

  /** Ends what waits. Results that are being handled are. */
  async close(): Promise<void> {
    this.#recovery?.cancel();
    await this.#watch.close();
    await Promise.all([...this.#subscriptions].map(async ({ subscription, running }) => {
      await subscription.stop();
      await running;
    }));
    this.#subscriptions.clear();
  }
}
