import { Department, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { SessionState, type Session, type SessionMessage } from './session.ts';

const json = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

/** A session as it is stored. Fields of later versions are passed over. */
const SessionDocument = z.looseObject({
  v: z.literal(1),
  session_id: z.string(),
  channel: z.string(),
  domain: z.enum(Object.values(Department)),
  thread_id: z.string(),
  state: z.enum(Object.values(SessionState)),
  room_id: z.string().nullish(),
  participants: z.array(z.string()),
  message_count: z.int().min(0),
  turn_count: z.int().min(0),
  context_version: z.int().min(0),
  summary: z.looseObject({ text: z.string(), through_seq: z.int().min(0), made_by: z.enum(['model', 'extraction']), made_at: z.number() }).nullish(),
  created_at: z.number(),
  updated_at: z.number(),
  last_activity_at: z.number(),
  metadata: json,
  revision: z.int().min(1),
});
export type SessionDocument = z.infer<typeof SessionDocument>;

const MessageDocument = z.looseObject({
  seq: z.int().min(1),
  message_id: z.string(),
  sender: z.string(),
  sender_id: z.string(),
  text: z.string(),
  sent_at: z.number(),
  is_bot: z.boolean(),
  metadata: json,
});
export type MessageDocument = z.infer<typeof MessageDocument>;

export function sessionToDocument(session: Session): SessionDocument {
  const { summary } = session;
  return {
    v: 1, session_id: session.sessionId, channel: session.channel, domain: session.domain, thread_id: session.threadId, state: session.state,
    room_id: session.roomId ?? null, participants: [...session.participants], message_count: session.messageCount, turn_count: session.turnCount,
    context_version: session.contextVersion,
    summary: summary === undefined ? null : { text: summary.text, through_seq: summary.throughSeq, made_by: summary.madeBy, made_at: summary.madeAt },
    created_at: session.createdAt, updated_at: session.updatedAt, last_activity_at: session.lastActivityAt, metadata: session.metadata, revision: session.revision,
  };
}

export function readSession(raw: unknown): Session {
  const document = SessionDocument.parse(raw);
  const { summary } = document;
  return {
    sessionId: document.session_id, channel: document.channel, domain: document.domain, threadId: document.thread_id, state: document.state,
    ...(typeof document.room_id === 'string' ? { roomId: document.room_id } : {}), participants: document.participants, messageCount: document.message_count,
    turnCount: document.turn_count, contextVersion: document.context_version,
    ...(summary === null || summary === undefined ? {} : { summary: { text: summary.text, throughSeq: summary.through_seq, madeBy: summary.made_by, madeAt: summary.made_at } }),
    createdAt: document.created_at, updatedAt: document.updated_at, lastActivityAt: document.last_activity_at, metadata: document.metadata, revision: document.revision,
  };
}

export function messageToDocument(message: SessionMessage): MessageDocument {
  return {
    seq: message.seq, message_id: message.messageId, sender: message.sender, sender_id: message.senderId, text: message.text, sent_at: message.sentAt,
    is_bot: message.isBot, metadata: message.metadata,
  };
}

export function readMessage(raw: unknown): SessionMessage {
  const document = MessageDocument.parse(raw);
  return {
    seq: document.seq, messageId: document.message_id, sender: document.sender, senderId: document.sender_id, text: document.text, sentAt: document.sent_at,
    isBot: document.is_bot, metadata: document.metadata,
  };
}
