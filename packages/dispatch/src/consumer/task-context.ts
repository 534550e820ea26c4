import type { JsonObject, StreamChunk } from '@cortex-runtime/core';

import type { TaskPayload } from '../task/task-payload.ts';

/** What an agent is told of a task besides its prompt: the task, and what has become of it so far. */
export interface TaskContext extends Readonly<TaskPayload> {
  readonly source: 'dispatch';
  /** The room of the answer. */
  readonly channel: string | null;
  /** What was said before; the same as `threadContext`. */
  readonly history: readonly JsonObject[];
  /** Whether the prompt tells the conversation already. */
  readonly usedSessionContext: boolean;
  /** 1 at first. */
  readonly attempt: number;
  /** Whether it was delivered before: an earlier attempt may have done something. */
  readonly resumed: boolean;
}

/** The part of a context that the payload does not have. */
export type TaskFate = Pick<TaskContext, 'usedSessionContext' | 'attempt' | 'resumed'>;

/** Written out: an object that is given fields later, or in a loop, costs more to make than all the rest of a small task. */
export function contextOf(payload: TaskPayload, { usedSessionContext, attempt, resumed }: TaskFate): TaskContext {
  const { taskId, messageId, text, sender, senderId, roomId, channelId, threadId, channelName, domain, priority, mentions, hasBotMention, inActiveThread } = payload;
  const { attachments, threadContext, metadata, preferredAgent, complexityTier, taskType, sessionId, contextVersion, contextSnapshotId, dispatchedAt } = payload;
  return {
    taskId, messageId, text, sender, senderId, roomId, channelId, threadId, channelName, domain, priority, mentions, hasBotMention, inActiveThread,
    attachments, threadContext, metadata, preferredAgent, complexityTier, taskType, sessionId, contextVersion, contextSnapshotId, dispatchedAt,
    source: 'dispatch', channel: roomId, history: threadContext, usedSessionContext, attempt, resumed,
  };
}

/** What an agent is given besides prompt and context. */
export interface ExecuteOptions {
  readonly context: TaskContext;
  readonly workingDirectory: string | undefined;
  /** The same on every attempt: pass it on to whatever must not be done twice. */
  readonly idempotencyKey: string;
  /** Aborted when the answer is no longer wanted: cancelled, timed out, or taken over by another process. */
  readonly signal: AbortSignal;
}

/**
 * Answers one task, piece by piece. `output` chunks are the answer; a `complete` chunk may tell usage (`cost_usd`, `num_turns`, `model_used`, `input_tokens`,
 * `output_tokens`); an `error` chunk is the agent's own word that it failed, for good unless its metadata has `retryable: true`. What is thrown is tried again, unless it is
 * an error of ours that says that it would not help.
 */
export type ExecuteTask = (prompt: string, options: ExecuteOptions) => AsyncIterable<StreamChunk>;
