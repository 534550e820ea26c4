import { LexicalIndex } from '@cortex-runtime/memory';

import type { SessionMessage } from './session.ts';
import type { SessionSearchResult } from './session-store.ts';

/** The words of one transcript. As a transcript only grows, what was read once is read for good. */
export class TranscriptIndex {
  readonly #words = new LexicalIndex();
  readonly #messages: SessionMessage[] = [];

  /** `seq` of the last message that is known. */
  get lastSeq(): number {
    return this.#messages.length;
  }

  /** Takes in the messages that are new; they follow each other without gaps. */
  add(messages: readonly SessionMessage[]): void {
    for (const message of messages) {
      if (message.seq !== this.#messages.length + 1) continue;
      this.#messages.push(message);
      this.#words.set(String(message.seq), `${message.sender} ${message.text}`);
    }
  }

  search(query: string, { untilSeq = Number.POSITIVE_INFINITY, limit = 5 }: { untilSeq?: number; limit?: number } = {}): SessionSearchResult[] {
    const results: SessionSearchResult[] = [];
    for (const { id, score } of this.#words.search(query)) {
      const message = this.#messages[Number(id) - 1];
      if (message === undefined || message.seq > untilSeq) continue;
      results.push({ message: structuredClone(message), score });
      if (results.length >= limit) break;
    }
    return results;
  }
}

/** Indexes of the transcripts that were searched lately. */
export class TranscriptIndexes {
  /** Least recently used first. */
  readonly #indexes = new Map<string, TranscriptIndex>();
  readonly #maxIndexes: number;

  constructor(maxIndexes = 50) {
    this.#maxIndexes = maxIndexes;
  }

  /** The index of a session; an empty one when it was not searched lately. */
  of(sessionId: string): TranscriptIndex {
    const index = this.#indexes.get(sessionId) ?? new TranscriptIndex();
    this.#indexes.delete(sessionId);
    this.#indexes.set(sessionId, index);
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size <= this.#maxIndexes) break;
      this.#indexes.delete(oldest);
    }
    return index;
  }

  forget(sessionId: string): void {
    this.#indexes.delete(sessionId);
  }

  clear(): void {
    this.#indexes.clear();
  }
}
