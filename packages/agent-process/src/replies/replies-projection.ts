import type { JsonObject } from '@cortex-runtime/core';
import type { Projection } from '@cortex-runtime/journal';

import type { EventOutcome } from './event-outcome.ts';

/** An answer that is not delivered yet. */
export interface DueReply {
  event_id: string;
  reply_to: JsonObject;
  status: EventOutcome['status'];
  text: string | null;
  error: string | null;
  attempts: number;
  duration_ms: number | null;
  usage: { input_tokens: number; output_tokens: number } | null;
  cost: number | null;
  turns: number | null;
}

export interface RepliesState {
  /** By `seq` of the entry that closed the event: an event that is given up and delivered again has two answers. */
  due: Record<string, DueReply>;
  due_count: number;
}

/** The reason of a dead letter whose event was cancelled. */
export const cancelledReason = 'cancelled';

interface Closing {
  event_id: string;
  reply?: { to: JsonObject; text?: string };
  reason?: string;
  error?: string;
  attempts?: number;
  duration_ms?: number;
  usage?: { input_tokens: number; output_tokens: number };
  cost?: number | null;
  turns?: number;
}

/** Answers that are owed, as a fold: what closes an event that wants an answer opens it, `reply_delivered` or `reply_failed` closes it. */
export const repliesProjection: Projection<RepliesState> = {
  name: 'replies',
  initial: () => ({ due: {}, due_count: 0 }),
  apply(state, { entryType, seq, data }) {
    if (entryType === 'reply_delivered' || entryType === 'reply_failed') {
      const key = String(data['closed_seq']);
      if (!Object.hasOwn(state.due, key)) return state;
      delete state.due[key];
      state.due_count -= 1;
    } else if ((entryType === 'invocation_result' || entryType === 'dead_letter') && data['reply'] !== undefined) {
      state.due[String(seq)] = dueReply(entryType, data as unknown as Closing);
      state.due_count += 1;
    }
    return state;
  },
};

function dueReply(entryType: string, { event_id, reply, reason, error, attempts, duration_ms, usage, cost, turns }: Closing): DueReply {
  const isCompleted = entryType === 'invocation_result';
  const isCancelled = reason === cancelledReason;
  return {
    event_id,
    reply_to: reply?.to ?? {},
    status: isCompleted ? 'completed' : isCancelled ? 'cancelled' : 'failed',
    text: isCompleted ? (reply?.text ?? '') : null,
    error: isCompleted ? null : [isCancelled ? undefined : reason, error].filter((part) => part !== undefined && part !== '').join(': '),
    attempts: attempts ?? 1,
    duration_ms: duration_ms ?? null,
    usage: usage === undefined ? null : { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens },
    cost: cost ?? null,
    turns: turns ?? null,
  };
}
