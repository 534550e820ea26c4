import { documentCodec, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import type { KnownFields } from '../task/known-fields.ts';
import type { TaskPayload } from '../task/task-payload.ts';

const reference = z.string().nullable().default(null);

/** What is kept of a task with an agent's event, so that it can be answered after any number of restarts. */
const ReplyAddress = z.looseObject({
  kind: z.literal('task'),
  taskId: z.string().min(1),
  messageId: z.string().default(''),
  channel: z.string().default(''),
  roomId: reference,
  threadId: reference,
  domain: z.string().default(''),
  sender: z.string().default(''),
  text: z.string().default(''),
  sessionId: reference,
  complexityTier: reference,
});
export type ReplyAddress = KnownFields<z.output<typeof ReplyAddress>>;

const codec = documentCodec(ReplyAddress);

export function replyAddressOf({ taskId, messageId, metadata, roomId, threadId, domain, sender, text, sessionId, complexityTier }: TaskPayload): JsonObject {
  const channel = typeof metadata['channel'] === 'string' ? metadata['channel'] : '';
  return codec.writeCompact({ kind: 'task', taskId, messageId, channel, roomId, threadId, domain, sender, text: text.slice(0, 100), sessionId, complexityTier }) as JsonObject;
}

/** @throws DocumentError for what is no address of a task */
export function readReplyAddress(raw: unknown): ReplyAddress {
  return codec.read(raw, 'reply_to');
}
