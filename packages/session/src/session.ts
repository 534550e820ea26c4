import { hash } from 'node:crypto';

import { Domain, InvalidInputError, type Department, type JsonObject } from '@cortex-runtime/core';

/** Where a session stands. ACTIVE <-> IDLE by activity; PAUSED until it is resumed, messages are kept meanwhile; CLOSED for good. */
export const SessionState = {
  ACTIVE: 'active',
  IDLE: 'idle',
  PAUSED: 'paused',
  CLOSED: 'closed',
} as const;
export type SessionState = (typeof SessionState)[keyof typeof SessionState];

/** What a session is found by: the same thread id in two channels is two conversations. */
export interface SessionKey {
  channel: string;
  domain: Department;
  threadId: string;
}

/** What is left of the turns that are no longer shown as they were said. */
export interface SessionSummary {
  text: string;
  /** The last message that is summed up. */
  throughSeq: number;
  /** A model wrote it, or it consists of sentences that were said. */
  madeBy: 'model' | 'extraction';
  /** Milliseconds since the Unix epoch. */
  madeAt: number;
}

export interface Session extends SessionKey {
  sessionId: string;
  state: SessionState;
  /** The room in which replies are given, where the channel has rooms. */
  roomId?: string;
  /** Ids of everyone who wrote, in order of appearance; at most 1,000. */
  participants: readonly string[];
  /** Messages in the transcript; the newest has this `seq`. */
  messageCount: number;
  /** Replies of agents among them. */
  turnCount: number;
  /** Grows with everything that changes what a prompt would be told: messages of either side, and summaries. */
  contextVersion: number;
  summary?: SessionSummary;
  createdAt: number;
  updatedAt: number;
  /** When the newest message was recorded. */
  lastActivityAt: number;
  metadata: JsonObject;
  /** Grows with every change; what compare-and-set is by. */
  revision: number;
}

export interface SessionMessage {
  /** Place in the transcript, from 1, without gaps. */
  seq: number;
  /** Unique in the session: a message that is recorded again under its id is there once. */
  messageId: string;
  /** Display name. */
  sender: string;
  senderId: string;
  text: string;
  /** Milliseconds since the Unix epoch. */
  sentAt: number;
  /** Written by an agent. */
  isBot: boolean;
  metadata: JsonObject;
}

const maxParticipants = 1_000;

/** A new session, not stored yet. */
export function newSession(key: SessionKey, given: { sessionId: string; now: number; roomId?: string | undefined; metadata?: JsonObject | undefined }): Session {
  const { sessionId, now, roomId, metadata = {} } = given;
  return {
    ...assertSessionKey(key), sessionId, state: SessionState.ACTIVE, ...(roomId === undefined ? {} : { roomId }), participants: [], messageCount: 0, turnCount: 0,
    contextVersion: 0, createdAt: now, updatedAt: now, lastActivityAt: now, metadata, revision: 1,
  };
}

/** The session after a message was added to its transcript; the first message wakes an idle one. */
export function withMessage(session: Session, message: SessionMessage, now: number): Session {
  const isKnown = session.participants.includes(message.senderId) || session.participants.length >= maxParticipants;
  return {
    ...session,
    state: session.state === SessionState.IDLE ? SessionState.ACTIVE : session.state,
    participants: isKnown ? session.participants : [...session.participants, message.senderId],
    messageCount: message.seq,
    turnCount: session.turnCount + (message.isBot ? 1 : 0),
    contextVersion: session.contextVersion + 1,
    lastActivityAt: Math.max(now, session.lastActivityAt),
  };
}

/** Names one state of what a prompt is told: two that are equal were told the same. */
export function snapshotId(session: Session): string {
  return `${session.sessionId}:v${session.contextVersion}`;
}

/** One short text for a key, the same for equal keys only. */
export function keyDigest({ channel, domain, threadId }: SessionKey): string {
  return hash('sha256', JSON.stringify([channel, domain, threadId]), 'hex');
}

/** @throws InvalidInputError when a part is empty or too long, or the domain is none */
export function assertSessionKey(key: SessionKey): SessionKey {
  assertName(key.channel, 'channel', 100);
  assertName(key.threadId, 'threadId', 500);
  return { channel: key.channel, domain: Domain.parse(key.domain).department, threadId: key.threadId };
}

/** @throws InvalidInputError when a text is empty, too long, or no text that can be stored */
export function assertName(text: string, field: string, maxLength: number): void {
  if (typeof text !== 'string' || text.trim() === '' || text.length > maxLength || !text.isWellFormed() || text.includes('\0')) {
    throw new InvalidInputError(field, `must be 1 to ${maxLength} characters of well-formed text, got ${JSON.stringify(text)?.slice(0, 120)}`);
  }
}
