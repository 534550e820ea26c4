import { documentCodec, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import type { KnownFields } from './known-fields.ts';
import { TaskPriority } from './task-priority.ts';

const text = z.string().default('');
const reference = z.string().nullable().default(null);
const map = z.record(z.string(), z.custom<JsonObject[string]>());

/**
 * A task as it travels: what is asked, by whom, and where the answer goes. Its document form is snake_case JSON, as the Python library writes it; fields of other
 * versions are passed over.
 */
export const TaskPayload = z.looseObject({
  /** The same on every attempt. */
  taskId: z.string().min(1).max(200),
  /** The message that asked for it, in the channel's words. */
  messageId: z.string().min(1).max(400),
  text: text.describe('What is asked.'),
  sender: text.describe('Display name.'),
  senderId: text,
  /** Where the answer goes; the same as `channelId`. */
  roomId: reference,
  /** Another name of `roomId`. */
  channelId: reference,
  threadId: reference,
  channelName: text,
  domain: z.string().default('personal'),
  priority: z.enum(TaskPriority).default('normal'),
  mentions: z.array(z.string()).default([]),
  hasBotMention: z.boolean().default(false),
  inActiveThread: z.boolean().default(false),
  attachments: z.array(map).default([]),
  /** What was said before, for agents without sessions. */
  threadContext: z.array(map).default([]),
  metadata: map.default({}),
  /** A label: the stream says who may take the task. */
  preferredAgent: reference,
  complexityTier: reference,
  taskType: reference,
  sessionId: reference,
  contextVersion: z.number().nullable().default(null),
  contextSnapshotId: reference,
  /** ISO 8601. */
  dispatchedAt: text,
});
export type TaskPayload = KnownFields<z.output<typeof TaskPayload>>;
/** What a caller has to say of a task. */
export type NewTask = Partial<KnownFields<z.input<typeof TaskPayload>>> & { messageId: string };

const codec = documentCodec(TaskPayload, { implied: { priority: 'normal' } });

/** @throws DocumentError naming each field that does not fit */
export function readTaskPayload(raw: unknown): TaskPayload {
  return withOneRoom(codec.read(raw, 'the task'));
}

/** A complete task of what a caller says. @throws the schema's error for what does not fit */
export function completeTaskPayload(task: NewTask & { taskId: string }): TaskPayload {
  return withOneRoom(codec.complete(task));
}

/** The room has two names, of two documents; a task has both. */
function withOneRoom(payload: TaskPayload): TaskPayload {
  payload.roomId ??= payload.channelId;
  payload.channelId ??= payload.roomId;
  return payload;
}

/** The document form as text, without what is as good as absent. */
export function writeTaskPayload(payload: TaskPayload): string {
  return codec.writeText(payload);
}
