import type { Session, SessionKey, SessionMessage, SessionState } from './session.ts';

/** Which part of a transcript to read. */
export interface TranscriptQuery {
  /** Only messages with a `seq` above this. */
  afterSeq?: number;
  /** Only messages with a `seq` of at most this. */
  untilSeq?: number;
  /** At most this many: the newest of those that match. */
  limit?: number;
}

/** Which sessions to list. */
export interface SessionQuery {
  state?: SessionState;
  channel?: string;
  domain?: string;
  /** At most this many; 100 when left out. */
  limit?: number;
}

/** A message that a search found. */
export interface SessionSearchResult {
  message: SessionMessage;
  /** Relevance, above 0 and at most 1. */
  score: number;
}

/**
 * Sessions and their transcripts.
 *
 * Guarantees, of every adapter, over any number of processes: a key has at most one session that is not closed; of all who commit onto one revision exactly one
 * succeeds, with its session and all of its messages or with nothing; a transcript only grows, without gaps; what a call has returned is as durable as the adapter is.
 */
export interface SessionStore {
  /** Atomic: stores the session, or gives the one that is open for its key. */
  create(session: Session): Promise<{ session: Session; isNew: boolean }>;
  get(sessionId: string): Promise<Session | undefined>;
  /** The session of a key that is not closed. */
  find(key: SessionKey): Promise<Session | undefined>;
  /**
   * Compare-and-set: stores the session and adds messages to its transcript, if the stored revision is one below the session's. False when it is not, and nothing was
   * written; false also when a commit that went through is repeated.
   */
  commit(session: Session, added: readonly SessionMessage[]): Promise<boolean>;
  /** In order of `seq`. */
  messages(sessionId: string, query?: TranscriptQuery): Promise<SessionMessage[]>;
  findMessage(sessionId: string, messageId: string): Promise<SessionMessage | undefined>;
  /** Messages that hold words of the query, most relevant first; at most `limit` (5 when left out), only with a `seq` of at most `untilSeq`. */
  search(sessionId: string, query: string, options?: { untilSeq?: number; limit?: number }): Promise<SessionSearchResult[]>;
  /** The most recently active first. */
  list(query?: SessionQuery): Promise<Session[]>;
  /** Forgets a session and all that was said in it. @returns whether it was there */
  delete(sessionId: string): Promise<boolean>;
  /** Safe to call twice; every other method then rejects with SessionStoreClosedError. */
  close(): Promise<void>;
}
