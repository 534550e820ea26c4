import { z } from 'zod';

/** A conversation. */
export const SessionReply = z.looseObject({
  sessionId: z.string(),
  channel: z.string(),
  domain: z.string(),
  threadId: z.string(),
  state: z.enum(['active', 'idle', 'paused', 'closed']),
  participants: z.array(z.string()),
  messageCount: z.int(),
  /** ISO 8601. */
  createdAt: z.string(),
  lastActivityAt: z.string(),
});
export type SessionReply = z.output<typeof SessionReply>;

/** Query of `GET /runtime/sessions`. */
export const SessionsRequest = z.strictObject({
  state: z.enum(['active', 'idle', 'paused', 'closed']).optional(),
  channel: z.string().min(1).max(100).optional(),
  domain: z.string().min(1).max(100).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});
export type SessionsRequest = z.input<typeof SessionsRequest>;

/** `GET /runtime/sessions`: the most recently active first. */
export const SessionList = z.looseObject({ sessions: z.array(SessionReply), count: z.int() });
export type SessionList = z.output<typeof SessionList>;

/** Query of `GET /runtime/sessions/{id}/messages`. */
export const TranscriptRequest = z.strictObject({
  /** Only messages after this one. */
  afterSeq: z.coerce.number().int().min(0).default(0),
  /** At most this many: the newest. */
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
export type TranscriptRequest = z.input<typeof TranscriptRequest>;

/** `GET /runtime/sessions/{id}/messages`: what was said, in order. */
export const TranscriptReply = z.looseObject({
  session: SessionReply,
  messages: z.array(z.looseObject({
    seq: z.int(),
    messageId: z.string(),
    sender: z.string(),
    senderId: z.string(),
    isBot: z.boolean(),
    text: z.string(),
    sentAt: z.string(),
  })),
  count: z.int(),
});
export type TranscriptReply = z.output<typeof TranscriptReply>;
