import { CortexError, describeError, jitteredBackoffMs, type Clock, type Logger, type Random, type Timer } from '@cortex-runtime/core';
import type { OwnJournalEntry, PendingWrite } from '@cortex-runtime/journal';

import type { EventOutcome, ReplyPort } from './event-outcome.ts';
import type { DueReply, RepliesState } from './replies-projection.ts';

export interface ReplyWorkerPorts {
  agent: string;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Undefined in a host that answers nobody: what is due stays due. */
  replies: ReplyPort | undefined;
  state(): RepliesState;
  record(entries: readonly OwnJournalEntry[]): PendingWrite;
  /** An answer was delivered, or given up. */
  onSettled(): void;
}

interface ReplyUnderWay {
  done: Promise<void>;
  /** Ends the wait for the next attempt. */
  cut: (() => void) | undefined;
}

/** Answers of one agent that are on their way at once. */
const maxInFlight = 16;
const backoff = { baseMs: 500, maxMs: 60_000 };

/**
 * Delivers the answers that are due, each until it is delivered: over restarts, and however long its receiver is away.
 *
 * It holds no queue of its own: what is due is what the fold says, before and after a crash.
 */
export class ReplyWorker {
  readonly #ports: ReplyWorkerPorts;
  /** On their way, or waiting for their next attempt. */
  readonly #active = new Map<string, ReplyUnderWay>();
  #isStopped = false;
  /** Nothing more is recorded. */
  #isClosed = false;
  #hasWarned = false;

  constructor(ports: ReplyWorkerPorts) {
    this.#ports = ports;
  }

  /** Begins whatever may begin. Cheap when there is nothing. */
  kick(): void {
    const { due, due_count } = this.#ports.state();
    if (this.#isStopped || due_count === 0) return;
    const { replies, logger } = this.#ports;
    if (replies === undefined) {
      if (!this.#hasWarned) logger.warn({ due: due_count }, 'answers wait for a host that can deliver them');
      this.#hasWarned = true;
      return;
    }
    for (const key in due) {
      if (this.#active.size >= maxInFlight) return;
      if (!this.#active.has(key)) this.#begin(key, due[key] as DueReply, replies);
    }
  }

  /** Begins no further one, waits for those under way up to `graceMs`; what is left is due at the next start. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    for (const { cut } of this.#active.values()) cut?.();
    const all = Promise.all([...this.#active.values()].map(({ done }) => done));
    let timer: Timer | undefined;
    const expired = new Promise<void>((resolve) => (timer = this.#ports.clock.setTimer(graceMs, resolve)));
    await Promise.race([all, expired]);
    timer?.cancel();
    this.#isClosed = true;
  }

  #begin(key: string, reply: DueReply, replies: ReplyPort): void {
    const entry: ReplyUnderWay = { done: Promise.resolve(), cut: undefined };
    this.#active.set(key, entry);
    entry.done = this.#deliver(key, reply, replies, entry).finally(() => {
      this.#active.delete(key);
      if (!this.#isStopped) this.kick();
    });
  }

  async #deliver(key: string, reply: DueReply, replies: ReplyPort, entry: ReplyUnderWay): Promise<void> {
    const { random, logger } = this.#ports;
    const { event_id: eventId } = reply;
    for (let attempt = 1; !this.#isStopped; attempt += 1) {
      try {
        await replies.deliver(outcomeOf(this.#ports.agent, reply));
        this.#close({ entryType: 'reply_delivered', data: { closed_seq: Number(key), event_id: eventId } });
        return;
      } catch (error) {
        if (CortexError.is(error) && !error.retryable) {
          logger.error({ eventId, error: describeError(error) }, 'an answer can not be delivered; the journal has it');
          this.#close({ entryType: 'reply_failed', data: { closed_seq: Number(key), event_id: eventId, error: describeError(error) } });
          return;
        }
        const waitMs = jitteredBackoffMs(attempt, backoff, random);
        logger.warn({ eventId, attempt, waitMs, error: describeError(error) }, 'an answer could not be delivered and is tried again');
        await this.#wait(entry, waitMs);
      }
    }
  }

  #close(entry: OwnJournalEntry): void {
    if (this.#isClosed) return;
    // Not waited for: when the word is lost with a crash, the answer is delivered again, and its receiver knows it by its event.
    void this.#ports.record([entry]).durable.catch(() => {});
    this.#ports.onSettled();
  }

  async #wait(entry: ReplyUnderWay, waitMs: number): Promise<void> {
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.setTimer(waitMs, resolve, { keepAlive: false });
      entry.cut = () => {
        timer.cancel();
        resolve();
      };
    });
    entry.cut = undefined;
  }
}

function outcomeOf(agent: string, reply: DueReply): EventOutcome {
  const { usage } = reply;
  return {
    agent,
    eventId: reply.event_id,
    replyTo: reply.reply_to,
    status: reply.status,
    text: reply.text,
    error: reply.error,
    attempts: reply.attempts,
    durationMs: reply.duration_ms,
    usage: usage === null ? null : { inputTokens: usage.input_tokens, outputTokens: usage.output_tokens },
    cost: reply.cost,
    turns: reply.turns,
  };
}
