import { assertJsonValue, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { TaskPriority } from '../../task/task-priority.ts';

// What travels, in camelCase; on the wire every name is snake_case.

const id = z.string().min(1).max(400).refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'must hold no control characters');
const text = (maxChars: number) => z.string().max(maxChars).refine((value) => value.isWellFormed(), 'must be well-formed Unicode');
const json = z.record(z.string(), z.custom<JsonObject[string]>()).refine((value) => isJson(value), 'must be JSON that can be kept unaltered, at most 50 levels deep');

/** The name of a room in a path, when it is decoded. */
export const HttpRoomId = id;

/** Body of `POST /rooms/{room}/messages`. */
export const HttpMessageRequest = z.strictObject({
  text: text(1_000_000),
  senderId: id,
  /** Name of the sender for people. */
  sender: text(200).default(''),
  /** The same when the message is sent again, which then is answered once; made when it is left out. */
  messageId: id.optional(),
  threadId: id.optional(),
  /** Names of agents; read from the text when left out. */
  mentions: z.array(text(200)).max(50).optional(),
  domain: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be 1 to 128 letters, digits, ".", "_" or "-" and start with a letter or digit').optional(),
  priority: z.enum(TaskPriority).optional(),
  /** The agent of a direct message. */
  dmTarget: text(200).optional(),
  attachments: z.array(json).max(20).default([]),
}).refine((message) => message.text.trim() !== '' || message.attachments.length > 0, { path: ['text'], message: 'must say something when nothing is attached' });
export type HttpMessageRequest = z.output<typeof HttpMessageRequest>;

/** Answer to a message that was taken, with 202. */
export const HttpMessageAnswer = z.looseObject({
  messageId: z.string(),
  /** Whoever follows the events of the room from here misses nothing of what is answered. */
  lastEventId: z.string(),
  taskId: z.string().optional(),
  /** Who it was given to. */
  agent: z.string().optional(),
  domain: z.string().optional(),
  /** It had been taken before. */
  isDuplicate: z.boolean().optional(),
});
export type HttpMessageAnswer = z.output<typeof HttpMessageAnswer>;

/** Every other answer. */
export const HttpChannelProblem = z.looseObject({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    /** Where the body does not fit, as its own names. */
    fields: z.array(z.string()).optional(),
    /** Of what nobody foresaw: it stands in the log. */
    errorId: z.string().optional(),
  }),
});

const ofAnswer = { replyId: z.string(), agent: z.string().optional(), threadId: z.string().optional() };

/** `data` of the events of `GET /rooms/{room}/events`, by their names. */
export const HttpChannelEvents = {
  /** A piece of an answer; `message` has the whole of it. */
  'message.piece': z.looseObject({ ...ofAnswer, text: z.string() }),
  /** An answer. With a `replyId` it takes the place of the pieces that have the same. */
  message: z.looseObject({ ...ofAnswer, replyId: z.string().optional(), messageId: z.string(), text: z.string() }),
  /** The pieces so far are void. */
  'message.discarded': z.looseObject(ofAnswer),
  reaction: z.looseObject({ messageId: z.string(), emoji: z.string(), isRemoved: z.boolean(), threadId: z.string().optional() }),
  /** What an agent is doing. */
  activity: z.looseObject({
    messageId: z.string(), taskId: z.string(), agent: z.string(), phase: z.string(), text: z.string(), threadId: z.string().optional(), metadata: json.optional(), includeInContext: z.boolean().optional(),
  }),
  /** What came between `lastEventId` and the next event is no longer kept. */
  gap: z.looseObject({ lastEventId: z.string() }),
} as const;
export type HttpChannelEventName = keyof typeof HttpChannelEvents;
export type HttpChannelEvent<Name extends HttpChannelEventName> = z.output<(typeof HttpChannelEvents)[Name]>;

function isJson(value: unknown): boolean {
  try {
    assertJsonValue(value, 'value', 50);
    return true;
  } catch {
    return false;
  }
}
