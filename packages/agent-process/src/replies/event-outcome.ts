import type { JsonObject } from '@cortex-runtime/core';

/** What an agent's work on an event came to, for whoever has to be answered. */
export interface EventOutcome {
  agent: string;
  eventId: string;
  /** What the event came with to say where its answer goes (`metadata.reply_to`). */
  replyTo: JsonObject;
  status: 'completed' | 'failed' | 'cancelled';
  /** The whole answer; null when there is none. */
  text: string | null;
  /** Why there is none. */
  error: string | null;
  /** Times that the event was begun. */
  attempts: number;
  /** Milliseconds of the last attempt; null when it did not end. */
  durationMs: number | null;
  usage: { inputTokens: number; outputTokens: number } | null;
  /** USD; null when it is not known. */
  cost: number | null;
  turns: number | null;
}

/** Brings answers to where events came from. */
export interface ReplyPort {
  /**
   * Resolves when the answer is where it belongs. May be called again with the same outcome, also after a restart: it must be safe to do twice.
   *
   * Rejects when it should be tried again later.
   */
  deliver(outcome: EventOutcome): Promise<void>;
  /** A piece of an answer that is being made. Must not throw, and nothing waits for it. */
  piece?(agent: string, replyTo: JsonObject, text: string): void;
  /** What was given of an answer is no part of it any more: it is made anew. As `piece`. */
  discard?(agent: string, replyTo: JsonObject): void;
}
