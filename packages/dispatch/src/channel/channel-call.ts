import { documentCodec, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

const optionalText = z.string().optional();

/** One call of a channel that another process holds, as it travels. */
export const ChannelCall = z.looseObject({
  v: z.literal(1).default(1),
  call: z.enum(['send', 'piece', 'discard', 'react', 'follow', 'activity']),
  roomId: z.string().default(''),
  text: z.string().default(''),
  threadId: optionalText,
  messageId: optionalText,
  agent: optionalText,
  replyId: optionalText,
  /** Of a reaction: which, and whether it is taken away. */
  emoji: optionalText,
  isRemoved: z.boolean().default(false),
  /** Of an activity. */
  taskId: optionalText,
  phase: optionalText,
  metadata: z.record(z.string(), z.custom<JsonObject[string]>()).optional(),
  includeInContext: z.boolean().optional(),
});
export type ChannelCall = z.output<typeof ChannelCall>;

/** The type of its messages on the bus. */
export const channelCallType = 'channel';

const codec = documentCodec(ChannelCall);

/** @throws DocumentError naming each field that does not fit */
export function readChannelCall(raw: unknown): ChannelCall {
  return codec.read(raw, 'the call of a channel');
}

export function writeChannelCall(call: z.input<typeof ChannelCall>): string {
  return JSON.stringify({ v: 1, ...codec.writeCompact(ChannelCall.parse(call)) });
}
