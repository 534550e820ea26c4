import { LeaseLostError, type Delivery, type MessageBus, type Subscription } from '@cortex-runtime/bus';
import { describeError, jitteredBackoffMs, silentLogger, sleep, type Clock, type JsonObject, type Logger, type Random } from '@cortex-runtime/core';

import type { AgentPresence } from '../agents/agent-presence.ts';
import { failureOf } from '../consumer/make-result.ts';
import { unreadableResult } from '../consumer/unreadable-task.ts';
import { TaskRefusedError } from '../errors.ts';
import { resultFollowUp } from '../task/result-follow-up.ts';
import { readTaskPayload, type TaskPayload } from '../task/task-payload.ts';
import { ACCEPTED_STREAM, AGENTS_GROUP, streamsOf } from '../task/task-streams.ts';
import { replyAddressOf } from './reply-address.ts';
import { taskEvent } from './task-event.ts';

export interface TaskSourceDependencies {
  bus: MessageBus;
  clock: Clock;
  random: Random;
  logger?: Logger;
  /** Makes agents known, and present. */
  presence?: AgentPresence;
}

/** An agent with a journal of its own. */
export interface JournaledAgent {
  name: string;
  domains: readonly string[];
  primaryFor: readonly string[];
  /** What others are told of it. */
  description?: string;
  /** Tasks that it can begin now. */
  places: number;
}

/** A task for it. */
export interface TaskOffer {
  taskId: string;
  /** What the agent is shown. */
  payload: JsonObject;
  /** What `TaskReplies` needs to answer it. */
  replyTo: JsonObject;
  /** Ids of what led to it, the nearest last; what its giver says of it (`metadata.cause`). */
  cause: readonly string[];
}

const resultsKept = 3_000;
/** Before a task that an agent could not take comes to anybody again. */
const giveBackMs = 1_000;

/**
 * Tasks for agents that have journals of their own: a task is taken from the bus when the agent's journal has it, and `TaskReplies` brings its outcome, however long that
 * takes and however often the host is restarted meanwhile. The bus is told who has it.
 */
export class TaskSource {
  readonly #deps: TaskSourceDependencies;
  readonly #logger: Logger;
  readonly #agents = new Set<string>();

  constructor(deps: TaskSourceDependencies) {
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
  }

  /** Agents of this process that take tasks. */
  get agents(): ReadonlySet<string> {
    return this.#agents;
  }

  /** @param accept - resolves when the task is durable with the agent, or `filtered`: it does not want it. When it rejects, the task goes back */
  async subscribe(agent: JournaledAgent, accept: (task: TaskOffer) => Promise<'accepted' | 'duplicate' | 'filtered'>): Promise<{ limit(places: number): void; stop(): Promise<void> }> {
    const { name, domains, primaryFor, description = '' } = agent;
    this.#agents.add(name);
    await this.#deps.presence?.join({ name, domains: [...domains], primaryFor: [...primaryFor], description });
    let { places } = agent;
    let subscription: Subscription | undefined;
    const halt = new AbortController();
    const run = async () => {
      for (let failures = 0; !halt.signal.aborted; ) {
        try {
          subscription = this.#deps.bus.subscribe(streamsOf(name, domains), { group: AGENTS_GROUP, maxInFlight: Math.max(places, 1), order: 'priority', takesExhausted: true });
          subscription.limit(places);
          for await (const delivery of subscription) void this.#take(name, delivery, accept);
          if (!halt.signal.aborted) throw new Error('the bus ended the subscription');
        } catch (error) {
          failures += 1;
          this.#logger.error({ agent: name, error: describeError(error) }, 'tasks can not be taken; it is tried again');
          await sleep(this.#deps.clock, jitteredBackoffMs(failures, { baseMs: 500, maxMs: 30_000 }, this.#deps.random), halt.signal).catch(() => {});
        }
      }
    };
    const running = run();
    return {
      limit: (now) => {
        places = now;
        subscription?.limit(now);
      },
      stop: async () => {
        halt.abort();
        this.#agents.delete(name);
        await subscription?.stop();
        await running;
        await this.#deps.presence?.leave(name);
      },
    };
  }

  async #take(agent: string, delivery: Delivery, accept: (task: TaskOffer) => Promise<'accepted' | 'duplicate' | 'filtered'>): Promise<void> {
    try {
      let payload: TaskPayload;
      try {
        payload = readTaskPayload(delivery.json());
      } catch (error) {
        this.#logger.error({ msgId: delivery.msgId, stream: delivery.stream, error: describeError(error) }, 'a task can not be read; it is kept among the dead letters');
        await delivery.deadLetter(error, { publish: resultFollowUp(unreadableResult(delivery, error, agent), resultsKept) });
        return;
      }
      const { taskId } = payload;
      let outcome: 'accepted' | 'duplicate' | 'filtered';
      try {
        outcome = await accept({ taskId, payload: taskEvent(payload), replyTo: replyAddressOf(payload), cause: causeOf(payload) });
      } catch (error) {
        this.#logger.warn({ taskId, agent, error: describeError(error) }, 'an agent could not take a task; it goes back');
        await delivery.release({ delayMs: giveBackMs });
        return;
      }
      if (outcome === 'filtered') {
        const error = new TaskRefusedError(agent, taskId);
        await delivery.deadLetter(error, { publish: resultFollowUp(failureOf(payload, error, undefined, { agent, attempts: delivery.deliveryCount, durationMs: 0 }), resultsKept) });
        return;
      }
      const word = JSON.stringify({ task_id: taskId, agent, accepted_at: new Date(this.#deps.clock.now()).toISOString() });
      await delivery.ack({ publish: { stream: ACCEPTED_STREAM, payload: word, msgType: 'accepted', whileUnread: 'trim' } });
    } catch (error) {
      // It comes again, to this agent or another. One that has it in its journal knows it by its id.
      if (!(error instanceof LeaseLostError)) this.#logger.warn({ agent, msgId: delivery.msgId, error: describeError(error) }, 'a task could not be settled; it comes again');
    }
  }
}

/** At most as many as any chain that goes on may have. */
const longestCause = 1_000;

function causeOf({ metadata }: TaskPayload): string[] {
  const { cause } = metadata;
  return Array.isArray(cause) ? cause.filter((id): id is string => typeof id === 'string').slice(-longestCause) : [];
}
