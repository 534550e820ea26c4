import type { MemoryFile } from '@cortex-runtime/memory';

import type { Session, SessionMessage } from './session.ts';
import type { SessionSearchResult } from './session-store.ts';

/** What a prompt can be told of a session: its tiers at one moment. */
export interface SessionContext {
  session: Session;
  /** Hot: the newest turns, as they were said. */
  hotMessages: SessionMessage[];
  /** Warm: turns before the hot ones that are not summed up yet. */
  warmMessages: SessionMessage[];
  /** Cold: turns that are summed up, or too far back; they are found by search. */
  coldMessageCount: number;
  /** What a search in the cold tier found for the message at hand. */
  recalled: SessionSearchResult[];
  /** What is remembered about the domain. */
  memories: MemoryFile[];
  messageCount: number;
  contextVersion: number;
  /** Two contexts with the same one were told the same of the conversation. */
  snapshotId: string;
}
