import type { JsonObject } from '@cortex-runtime/core';

import type { ChannelMessage, MessageReference } from './channel-message.ts';

/** Where an answer goes, besides the room. */
export interface ReplyTarget {
  /** Name of the channel. */
  channel?: string;
  threadId?: string | undefined;
  /** Who answers. */
  agent?: string;
  /** The same for every attempt at one answer, pieces included: a channel shows an answer once. */
  replyId?: string;
}

/** What an agent is doing, for people who watch. */
export interface AgentActivity {
  channel?: string;
  roomId: string;
  parentMessageId: string;
  threadId?: string | undefined;
  taskId: string;
  agentIdentity: string;
  /** `started`, `tool_call`, `finished`, `failed`. */
  phase: string;
  text: string;
  metadata?: JsonObject;
  /** Whether it belongs to what later prompts are told. */
  includeInContext?: boolean;
}

/**
 * A way to people: rooms in which they write and are answered.
 *
 * Only `send` has to be there. What it resolves has been delivered; it may be called again with the same `replyId`, and then shows nothing new. The others are helpful
 * and no more: whoever calls them goes on when they fail.
 */
export interface ChannelProvider {
  readonly name: string;
  send(roomId: string, text: string, target?: ReplyTarget): Promise<{ messageId: string }>;
  /** A piece of an answer that is being made. `send` has the whole of it. */
  sendPiece?(roomId: string, piece: string, target: ReplyTarget & { replyId: string }): Promise<void>;
  /** The pieces sent so far are void: another attempt follows, or none. */
  discardReply?(roomId: string, target: ReplyTarget & { replyId: string }): Promise<void>;
  /** @param emoji - by name, such as `eyes` */
  react?(target: MessageReference, emoji: string, options?: { remove?: boolean }): Promise<void>;
  /** Answers in the thread of this message will be wanted too. */
  followThread?(message: MessageReference): Promise<void>;
  publishAgentActivity?(activity: AgentActivity): Promise<void>;
}

/** Where messages come from. */
export interface MessageSource {
  readonly name: string;
  /** Calls `handler` with each message. That it rejects is told to the sender where the channel can, and so is `undefined`: nobody is there for the message. @returns ends it */
  listen(handler: (message: ChannelMessage) => Promise<unknown>): Promise<() => Promise<void>>;
}
