import { Domain, parseDocument, type Department, type JsonValue } from '@cortex-runtime/core';
import { z } from 'zod';

/** Types of events that can belong to a conversation. Others are not asked: whoever can send a webhook must not be able to speak in a session. */
const conversationTypes: ReadonlySet<string> = new Set(['message', 'task', 'chat', 'inject']);

/**
 * What an event says about the conversation that it belongs to, in its payload: under `session`, or for a `task` at the top. Further fields are passed over. Whoever
 * makes such events writes this.
 */
export interface EventSessionDocument {
  channel: string;
  /** A department; `general` when left out. */
  domain?: string;
  thread_id?: string | null;
  /** Display name. One of `sender` and `sender_id` is needed. */
  sender?: string | null;
  sender_id?: string | null;
  message_id?: string | null;
  text: string;
}

const documentSchema = z
  .looseObject({
    channel: z.string().min(1).max(100),
    domain: z.string().refine(isDomain, 'must be a department, such as general, eng or ops').default('general'),
    threadId: z.string().max(500).nullish(),
    sender: z.string().nullish(),
    senderId: z.string().max(200).nullish(),
    messageId: z.string().max(500).nullish(),
    text: z.string(),
  })
  .refine(({ senderId, sender }) => isText(senderId) || isText(sender), { path: ['senderId'], error: 'is needed: who wrote it (or sender)' });

/** The conversation that an event belongs to, and what was said in it. */
export interface EventSession {
  channel: string;
  domain: Department;
  /** Absent for the conversation between the sender and the channel. */
  threadId?: string;
  /** Display name; may be empty. */
  sender: string;
  /** The sender's name where the event has no id of theirs. */
  senderId: string;
  /** The event's id where the message has none of its own. */
  messageId: string;
  text: string;
}

/** An event as far as it is asked. */
export interface EventOfSession {
  triggerType: string;
  eventId: string;
  payload: JsonValue;
}

/**
 * The conversation that an event belongs to; undefined for none. Events of type `message`, `task`, `chat` and `inject` belong to the one in the object `session` of their
 * payload; a `task` without that, to the one that its `channel`, `sender_id` and `text` name.
 *
 * @throws DocumentError when the object is there and says too little, or what can not be
 */
export function readEventSession({ triggerType, eventId, payload }: EventOfSession): EventSession | undefined {
  if (!conversationTypes.has(triggerType) || !isObject(payload)) return undefined;
  const { session } = payload;
  const isTop = session === undefined && triggerType === 'task' && isText(payload['channel']) && typeof payload['text'] === 'string';
  if (!isTop && !isObject(session)) return undefined;
  const where = isTop ? 'the payload of a task' : 'payload.session';
  const { channel, domain, threadId, sender, senderId, messageId, text } = parseDocument(documentSchema, isTop ? payload : session, where);
  return {
    channel,
    domain: Domain.parse(domain).department,
    ...(isText(threadId) ? { threadId } : {}),
    sender: sender ?? '',
    senderId: isText(senderId) ? senderId : (sender ?? '').slice(0, 200),
    messageId: isText(messageId) ? messageId : eventId,
    text,
  };
}

function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function isDomain(text: string): boolean {
  try {
    Domain.parse(text);
    return true;
  } catch {
    return false;
  }
}
