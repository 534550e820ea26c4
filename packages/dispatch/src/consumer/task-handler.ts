import { LeaseLostError, type Delivery, type EventBus, type FollowUp } from '@cortex-runtime/bus';
import { CortexError, describeError, jitteredBackoffMs, sleep, StreamChunkKind, type Clock, type Logger, type Random, type StreamChunk } from '@cortex-runtime/core';

import type { Heartbeat } from '../agents/agent-presence.ts';
import type { CarefulChannel } from '../channel/careful-channel.ts';
import type { MessageReference } from '../channel/channel-message.ts';
import type { ContextRuntime } from '../context/context-runtime.ts';
import { EmptyAnswerError } from '../errors.ts';
import { readTaskPayload, type TaskPayload } from '../task/task-payload.ts';
import { resultFollowUp } from '../task/result-follow-up.ts';
import { readTaskResult, writeTaskResult, type TaskResult } from '../task/task-result.ts';
import type { ThreadAffinity } from '../threads/thread-affinity.ts';
import { buildPrompt } from './build-prompt.ts';
import { failureOf, successOf, type ResultFacts } from './make-result.ts';
import { RunningTask } from './running-task.ts';
import type { TaskConsumerSettings } from './task-consumer-options.ts';
import { contextOf, type ExecuteTask } from './task-context.ts';
import type { TaskLedger } from './task-ledger.ts';
import { unreadableResult } from './unreadable-task.ts';

export interface TaskHandlerDependencies {
  clock: Clock;
  random: Random;
  logger: Logger;
  careful: CarefulChannel | undefined;
  heartbeat: Heartbeat | undefined;
  threadAffinity?: ThreadAffinity;
  contextRuntime?: ContextRuntime;
  ledger?: TaskLedger;
  events?: EventBus;
  onResult?: (result: TaskResult) => void;
  execute: ExecuteTask;
  began(task: RunningTask): void;
  ended(task: RunningTask): void;
  isStopping(): boolean;
}

const settleBackoff = { baseMs: 100, maxMs: 10_000 };

/** What is left to do with a task that was worked on: recording its outcome, and settling it. */
export type Settle = () => Promise<void>;

const nothing: Settle = async () => {};
const noChunk = () => {};

/**
 * Takes one task from its delivery to its outcome, in few steps: each promise on the way of every task costs about as much as reading it does.
 *
 * Whatever is only helpful (reactions, heartbeat, channel, session, events) may fail without any harm to task or answer.
 */
export class TaskHandler {
  readonly #deps: TaskHandlerDependencies;
  readonly #settings: TaskConsumerSettings;

  constructor(deps: TaskHandlerDependencies, settings: TaskConsumerSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /**
   * Lets the agent work on the task. Never rejects.
   *
   * @returns what is left to do: recording the outcome and settling the task with it. It rejects with what keeps the task from being settled, other than that it is no
   * longer held
   */
  async handle(delivery: Delivery): Promise<Settle> {
    let payload: TaskPayload;
    try {
      payload = readTaskPayload(delivery.json());
    } catch (error) {
      return () => this.#refuse(delivery, error);
    }
    const recorded = this.#deps.ledger?.find(payload.taskId);
    if (recorded !== undefined) return () => this.#settle(delivery, payload, readTaskResult(JSON.parse(recorded)), recorded);
    if (delivery.isExhausted) return () => this.#giveUp(delivery, payload);
    const { contextRuntime } = this.#deps;
    const session = contextRuntime === undefined || payload.sessionId === null ? undefined : await this.#sessionPrompt(payload, contextRuntime);
    const task = this.#begin(delivery, payload, session);
    let thrown: { error: unknown } | undefined;
    try {
      await task.run();
      if (task.cutOff !== undefined) await task.cleanUp();
    } catch (error) {
      thrown = { error };
    }
    return this.#ended(delivery, task, thrown);
  }

  /** Tells people of a task that takes a moment. */
  showLong(payload: TaskPayload): void {
    const { careful, heartbeat, events, logger } = this.#deps;
    void heartbeat?.publish().catch((error: unknown) => logger.warn({ taskId: payload.taskId, error: describeError(error) }, 'a heartbeat failed; the work goes on'));
    careful?.activity({ ...activityOf(payload, this.#settings), phase: 'started', text: 'is working on it' });
    this.#tell(events, 'task.started', payload);
  }

  /** @param session - the prompt that its session makes of it, if there is one */
  #begin(delivery: Delivery, payload: TaskPayload, session: string | undefined): RunningTask {
    const { clock, heartbeat, execute, careful } = this.#deps;
    const { workingDirectory, cleanupMs } = this.#settings;
    const prompt = session ?? buildPrompt(payload, { withHistory: true });
    const context = contextOf(payload, { usedSessionContext: session !== undefined, attempt: delivery.deliveryCount, resumed: delivery.resumed });
    const onChunk = careful === undefined || payload.roomId === null ? noChunk : (chunk: StreamChunk) => this.#show(payload, chunk);
    const task = new RunningTask({ payload, delivery, prompt, context, execute, workingDirectory, cleanupMs, clock, onChunk });
    // What an attempt that died had shown is no part of this one's answer. One that failed has taken it back itself.
    if (delivery.deliveryCount > delivery.errors.length + 1 && payload.roomId !== null) careful?.discard(payload.roomId, this.#target(payload));
    this.#deps.began(task);
    if (heartbeat !== undefined) this.#guarded(() => heartbeat.addTask(payload.taskId, `${payload.sender === '' ? payload.senderId : payload.sender}: ${payload.text.slice(0, 80)}`));
    return task;
  }

  #ended(delivery: Delivery, task: RunningTask, thrown: { error: unknown } | undefined): Settle {
    const { payload, answer, cutOff } = task;
    const { heartbeat, clock, ended } = this.#deps;
    ended(task);
    if (heartbeat !== undefined) this.#guarded(() => heartbeat.removeTask(payload.taskId));
    const facts: ResultFacts = { agent: this.#settings.identity, attempts: delivery.deliveryCount, durationMs: clock.monotonic() - task.startedAt };
    const settle = (result: TaskResult): Settle => () => this.#settle(delivery, payload, result);
    if (cutOff !== undefined) return cutOff.reason === 'lost' ? nothing : settle(failureOf(payload, cutOff.error, answer, facts));
    const error = thrown?.error ?? answer.failure;
    if (error !== undefined) {
      const mayRetry = !CortexError.is(error) || error.retryable;
      const result = failureOf(payload, error, answer, facts);
      return mayRetry ? () => this.#retry(delivery, payload, error, result) : settle(result);
    }
    return settle(answer.text.trim() === '' ? failureOf(payload, new EmptyAnswerError(), answer, facts) : successOf(payload, answer, facts));
  }

  /** The prompt that its session makes of a task; undefined when it has none, or it is not available. */
  async #sessionPrompt(payload: TaskPayload, contextRuntime: ContextRuntime): Promise<string | undefined> {
    try {
      return await contextRuntime.buildPrompt(payload, buildPrompt(payload, { withHistory: false }));
    } catch (error) {
      this.#deps.logger.warn({ taskId: payload.taskId, error: describeError(error) }, 'the session of a task is not available; the agent answers without it');
      return undefined;
    }
  }

  #show(payload: TaskPayload, { kind, data = '', metadata }: StreamChunk): void {
    const { careful } = this.#deps;
    const roomId = payload.roomId ?? '';
    if (kind === StreamChunkKind.OUTPUT && data !== '') careful?.piece(roomId, data, this.#target(payload));
    else if (kind === StreamChunkKind.TOOL_CALL) careful?.activity({ ...activityOf(payload, this.#settings), phase: 'tool_call', text: String(metadata?.['name'] ?? '') });
  }

  /** It failed, and may be tried again; the bus says whether it is. */
  async #retry(delivery: Delivery, payload: TaskPayload, error: unknown, result: TaskResult): Promise<void> {
    const { careful } = this.#deps;
    const last: TaskResult = { ...result, error: [...delivery.errors, result.error ?? ''].join('; ') };
    const outcome = await this.#persist(delivery, payload, () => delivery.nack(error, { publish: this.#followUp(last) }));
    if (payload.roomId !== null) careful?.discard(payload.roomId, this.#target(payload));
    if (outcome === 'dead_letter') this.#conclude(payload, last);
  }

  /** Whoever had it last died with it, as often as may be. */
  async #giveUp(delivery: Delivery, payload: TaskPayload): Promise<void> {
    const reason = `given up after ${delivery.deliveryCount - 1} attempts: ${delivery.errors.join('; ')}`;
    const facts: ResultFacts = { agent: this.#settings.identity, attempts: delivery.deliveryCount - 1, durationMs: 0 };
    const result: TaskResult = { ...failureOf(payload, new Error(reason), undefined, facts), errorCode: 'DISPATCH_EXHAUSTED' };
    await this.#persist(delivery, payload, () => delivery.deadLetter(reason, { publish: this.#followUp(result) }));
    this.#conclude(payload, result);
  }

  /** It can not be read: kept among the dead letters, and whoever waits for it is told as far as it can be told who that is. */
  async #refuse(delivery: Delivery, error: unknown): Promise<void> {
    this.#deps.logger.error({ msgId: delivery.msgId, stream: delivery.stream, error: describeError(error) }, 'a task can not be read; it is kept among the dead letters');
    const result = unreadableResult(delivery, error, this.#settings.identity);
    await this.#persist(delivery, undefined, () => delivery.deadLetter(error, { publish: this.#followUp(result) }));
    this.#deps.onResult?.(result);
  }

  /**
   * Records the outcome, gives the answer to the channel, then settles the task with its result.
   *
   * @param recorded - the result as text, when the ledger has it already
   */
  async #settle(delivery: Delivery, payload: TaskPayload, result: TaskResult, recorded?: string): Promise<void> {
    const { ledger } = this.#deps;
    const written = recorded ?? writeTaskResult(result);
    if (ledger !== undefined) await (recorded === undefined ? ledger.record(payload.taskId, written) : ledger.recorded(payload.taskId));
    const told = result.status === 'success' && this.#hasListeners ? { ...result, replyDelivered: await this.#reply(payload, result) } : result;
    const publish = this.#followUp(told, told === result ? written : undefined);
    let isSettled = true;
    try {
      await delivery.ack({ publish });
    } catch (error) {
      isSettled = (await this.#persist(delivery, payload, () => delivery.ack({ publish }).then(() => true), error)) === true;
    }
    ledger?.settled(payload.taskId);
    if (isSettled) this.#conclude(payload, told);
  }

  get #hasListeners(): boolean {
    const { careful, threadAffinity, contextRuntime } = this.#deps;
    return careful !== undefined || threadAffinity !== undefined || contextRuntime !== undefined;
  }

  /** @returns null when there is nothing or nobody to give it to */
  async #reply(payload: TaskPayload, { responseText, costUsd }: TaskResult): Promise<boolean | null> {
    const { careful, threadAffinity, contextRuntime, logger } = this.#deps;
    const { identity } = this.#settings;
    if (responseText === null) return null;
    let delivered: boolean | null = null;
    if (careful !== undefined && payload.roomId !== null) {
      delivered = await careful.send(payload.roomId, responseText, this.#target(payload)).then(
        () => true,
        (error: unknown) => {
          logger.error({ taskId: payload.taskId, error: describeError(error) }, 'an answer did not reach the channel; the result has it');
          return false;
        },
      );
    }
    const helpful = async (what: string, work: Promise<unknown> | undefined) => {
      await work?.catch((error: unknown) => logger.warn({ taskId: payload.taskId, error: describeError(error) }, what));
    };
    if (payload.threadId !== null) await helpful('the thread could not be kept with its agent', threadAffinity?.setAgent(payload.threadId, identity));
    await helpful('the answer could not be recorded in its session', contextRuntime?.recordResponse(payload, identity, responseText, costUsd === null ? {} : { cost_usd: costUsd }));
    return delivered;
  }

  /** Tells everybody who likes to know. */
  #conclude(payload: TaskPayload, result: TaskResult): void {
    const { careful, events, onResult } = this.#deps;
    const message = referenceOf(payload);
    if (careful !== undefined && message !== undefined) {
      careful.react(message, 'hourglass_flowing_sand', { remove: true });
      careful.react(message, result.status === 'success' ? 'white_check_mark' : result.errorCode === 'DISPATCH_EMPTY_ANSWER' ? 'warning' : 'x');
      if (result.status === 'failure') careful.activity({ ...activityOf(payload, this.#settings), phase: 'failed', text: result.error ?? '' });
    }
    this.#tell(events, 'task.completed', payload, { status: result.status, error_code: result.errorCode });
    this.#guarded(() => onResult?.(result));
  }

  /**
   * Repeats what the bus can not take now, for as long as the task is held.
   *
   * @param failure - of a first attempt that was made already
   * @returns undefined when it is no longer this process's
   */
  async #persist<T>(delivery: Delivery, payload: TaskPayload | undefined, settle: () => Promise<T>, failure?: unknown): Promise<T | undefined> {
    const { clock, random, logger } = this.#deps;
    let error = failure;
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (error === undefined) return await settle();
      } catch (problem) {
        error = problem;
      }
      if (error instanceof LeaseLostError) {
        logger.warn({ taskId: payload?.taskId, msgId: delivery.msgId }, 'a task was taken over or taken back before it was settled; what was worked out here is not its outcome');
        return undefined;
      }
      if (!(CortexError.is(error) && error.retryable) || this.#deps.isStopping()) throw error;
      logger.warn({ taskId: payload?.taskId, error: describeError(error) }, 'a task could not be settled; it is tried again');
      await sleep(clock, jitteredBackoffMs(attempt, settleBackoff, random));
      error = undefined;
    }
  }

  /** @param written - the result as text, where it is known */
  #followUp(result: TaskResult, written?: string): FollowUp {
    return resultFollowUp(result, this.#settings.resultsKept, written);
  }

  #target(payload: TaskPayload): { channel?: string; threadId: string; agent: string; replyId: string } {
    const channel = payload.metadata['channel'];
    return {
      ...(typeof channel === 'string' && channel !== '' ? { channel } : {}),
      threadId: payload.threadId ?? payload.messageId, agent: this.#settings.agentLabel ?? this.#settings.identity, replyId: payload.taskId,
    };
  }

  #tell(events: EventBus | undefined, eventType: string, { taskId, messageId, domain }: TaskPayload, more: { status?: string; error_code?: string | null } = {}): void {
    events?.publish(eventType, { task_id: taskId, message_id: messageId, agent: this.#settings.identity, domain, ...more }, { source: `agent.${this.#settings.identity}` }).catch((error: unknown) => {
      this.#deps.logger.debug({ taskId, error: describeError(error) }, 'an event could not be published');
    });
  }

  #guarded(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      this.#deps.logger.warn({ error: describeError(error) }, 'a listener failed; the work goes on');
    }
  }
}

function referenceOf({ metadata, roomId, messageId, threadId }: TaskPayload): MessageReference | undefined {
  const channel = metadata['channel'];
  return roomId === null ? undefined : { channel: typeof channel === 'string' ? channel : '', roomId, id: messageId, threadId: threadId ?? undefined };
}

function activityOf(payload: TaskPayload, { identity, agentLabel }: TaskConsumerSettings) {
  const channel = payload.metadata['channel'];
  return {
    ...(typeof channel === 'string' && channel !== '' ? { channel } : {}),
    roomId: payload.roomId ?? '', parentMessageId: payload.messageId, threadId: payload.threadId ?? undefined, taskId: payload.taskId, agentIdentity: agentLabel ?? identity,
  };
}
