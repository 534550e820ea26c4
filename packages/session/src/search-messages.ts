import { LexicalIndex } from '@cortex-runtime/memory';

import type { SessionMessage } from './session.ts';
import type { SessionSearchResult } from './session-store.ts';

/** The messages that hold words of a query, ranked in this process. */
export function searchMessages(messages: readonly SessionMessage[], query: string, { untilSeq = Number.POSITIVE_INFINITY, limit = 5 }: { untilSeq?: number; limit?: number } = {}): SessionSearchResult[] {
  const index = new LexicalIndex();
  const bySeq = new Map<string, SessionMessage>();
  for (const message of messages) {
    if (message.seq > untilSeq) continue;
    bySeq.set(String(message.seq), message);
    index.set(String(message.seq), `${message.sender} ${message.text}`);
  }
  return index
    .search(query)
    .slice(0, limit)
    .flatMap(({ id, score }) => {
      const message = bySeq.get(id);
      return message === undefined ? [] : [{ message, score }];
    });
}
