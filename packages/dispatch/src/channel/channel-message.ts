import type { JsonObject } from '@cortex-runtime/core';

import type { TaskPriority } from '../task/task-priority.ts';

/** What somebody has written on a channel. */
export interface ChannelMessage {
  /** Unique on the channel, and the same when the channel delivers it again. */
  id: string;
  text: string;
  /** Name of the channel: `terminal`, `web`, `slack` … */
  channel: string;
  /** Where answers go. */
  roomId: string;
  threadId?: string | undefined;
  /** Name of the room for people. */
  channelName?: string;
  sender?: string;
  senderId: string;
  /** What the message came through, when that is not the channel. */
  source?: string;
  priority?: TaskPriority;
  attachments?: JsonObject[];
  /**
   * What the channel knows besides. Read are `domain`, `mentions`, `dm_target`, `channel_name`, `has_bot_mention`, `in_active_thread` and `thread_context`; everything is
   * passed on to the agent.
   */
  metadata?: JsonObject;
}

/** A message that is answered. */
export type MessageReference = Pick<ChannelMessage, 'channel' | 'roomId' | 'id' | 'threadId'>;
