import { BusConflictError, type EventBus, type MessageBus } from '@cortex-runtime/bus';
import { describeError, silentLogger, type Clock, type JsonObject, type Logger, type Random } from '@cortex-runtime/core';

import { CarefulChannel } from '../channel/careful-channel.ts';
import type { ChannelProvider } from '../channel/channel-provider.ts';
import { extractDiscoveries } from '../extract/extract-discoveries.ts';
import { extractMemoryProposals } from '../extract/extract-memory-proposals.ts';
import { resultFollowUp } from '../task/result-follow-up.ts';
import { TaskResult } from '../task/task-result.ts';
import { RESULTS_STREAM, resultIdOf } from '../task/task-streams.ts';
import type { ThreadAffinity } from '../threads/thread-affinity.ts';
import { readReplyAddress, type ReplyAddress } from './reply-address.ts';

export interface TaskRepliesDependencies {
  bus: MessageBus;
  clock: Clock;
  random: Random;
  logger?: Logger;
  channel?: ChannelProvider;
  threadAffinity?: ThreadAffinity;
  events?: EventBus;
}

/** What an agent's work on an event came to, as its journal has it. */
export interface JournaledOutcome {
  agent: string;
  /** What `TaskSource` gave with the event. */
  replyTo: JsonObject;
  status: 'completed' | 'failed' | 'cancelled';
  text: string | null;
  error: string | null;
  attempts: number;
  durationMs: number | null;
  usage: { inputTokens: number; outputTokens: number } | null;
  cost: number | null;
  turns: number | null;
}

const resultsKept = 3_000;
const errorCodes = { completed: null, failed: 'DISPATCH_GIVEN_UP', cancelled: 'DISPATCH_CANCELLED' } as const;

/** Answers tasks that agents have taken into their journals. Answering one again is safe: the channel shows an answer once, and the first result stands. */
export class TaskReplies {
  readonly #deps: TaskRepliesDependencies;
  readonly #logger: Logger;
  readonly #channel: CarefulChannel | undefined;

  constructor(deps: TaskRepliesDependencies) {
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#channel = deps.channel === undefined ? undefined : new CarefulChannel({ channel: deps.channel, clock: deps.clock, random: deps.random, logger: this.#logger });
  }

  /** Whether an outcome is one of a task. */
  isFor(replyTo: JsonObject): boolean {
    return replyTo['kind'] === 'task';
  }

  /** A piece of an answer that is being made. */
  piece(agent: string, replyTo: JsonObject, text: string): void {
    const address = readReplyAddress(replyTo);
    if (address.roomId !== null) this.#channel?.piece(address.roomId, text, this.#target(agent, address));
  }

  /** What was given of an answer is no part of it any more. */
  discard(agent: string, replyTo: JsonObject): void {
    const address = readReplyAddress(replyTo);
    if (address.roomId !== null) this.#channel?.discard(address.roomId, this.#target(agent, address));
  }

  /** @returns the result as this outcome makes it @throws what the bus throws: to be tried again */
  async reply(outcome: JournaledOutcome): Promise<TaskResult> {
    const address = readReplyAddress(outcome.replyTo);
    const delivered = await this.#send(outcome, address);
    const result = TaskResult.parse({
      taskId: address.taskId, messageId: address.messageId, agent: outcome.agent, status: outcome.status === 'completed' ? 'success' : 'failure',
      responseText: outcome.text, error: outcome.error, errorCode: errorCodes[outcome.status],
      durationSeconds: outcome.durationMs === null ? null : outcome.durationMs / 1_000, costUsd: outcome.cost, numTurns: outcome.turns,
      inputTokens: outcome.usage?.inputTokens ?? null, outputTokens: outcome.usage?.outputTokens ?? null,
      complexityTier: address.complexityTier, sessionId: address.sessionId, domain: address.domain, sender: address.sender, text: address.text,
      discoveries: extractDiscoveries(outcome.text ?? ''), memoryProposals: extractMemoryProposals(outcome.text ?? ''),
      replyDelivered: delivered, attempts: outcome.attempts,
    });
    const { stream: _, payload, ...options } = resultFollowUp(result, resultsKept);
    await this.#deps.bus.publish(RESULTS_STREAM, payload, { ...options, dedupId: resultIdOf(address.taskId) }).catch((error: unknown) => {
      if (!(error instanceof BusConflictError)) throw error; // there is an outcome already
    });
    this.#show(outcome, address);
    return result;
  }

  async #send({ agent, status, text }: JournaledOutcome, address: ReplyAddress): Promise<boolean | null> {
    if (status !== 'completed' || text === null || text === '') return null;
    const { threadAffinity } = this.#deps;
    if (address.threadId !== null) {
      await threadAffinity?.setAgent(address.threadId, agent).catch((error: unknown) => this.#logger.warn({ taskId: address.taskId, error: describeError(error) }, 'the thread could not be kept with its agent'));
    }
    if (this.#channel === undefined || address.roomId === null) return null;
    try {
      await this.#channel.send(address.roomId, text, this.#target(agent, address));
      return true;
    } catch (error) {
      this.#logger.error({ taskId: address.taskId, error: describeError(error) }, 'an answer did not reach the channel; the result has it');
      return false;
    }
  }

  #show({ agent, status }: JournaledOutcome, { taskId, messageId, channel, roomId, threadId, domain }: ReplyAddress): void {
    if (roomId !== null) {
      const message = { channel, roomId, id: messageId, threadId: threadId ?? undefined };
      this.#channel?.react(message, 'hourglass_flowing_sand', { remove: true });
      this.#channel?.react(message, status === 'completed' ? 'white_check_mark' : 'x');
    }
    const told = { task_id: taskId, message_id: messageId, agent, domain, status: status === 'completed' ? 'success' : 'failure' };
    this.#deps.events?.publish('task.completed', told, { source: `agent.${agent}` }).catch((error: unknown) => this.#logger.debug({ taskId, error: describeError(error) }, 'an event could not be published'));
  }

  #target(agent: string, { taskId, channel, threadId, messageId }: ReplyAddress) {
    return { ...(channel === '' ? {} : { channel }), threadId: threadId ?? messageId, agent, replyId: taskId };
  }
}
