import { SessionStoreClosedError } from './errors.ts';
import { keyDigest, SessionState, type Session, type SessionKey, type SessionMessage } from './session.ts';
import { selectMessages, selectSessions } from './select.ts';
import type { SessionQuery, SessionSearchResult, SessionStore, TranscriptQuery } from './session-store.ts';
import { TranscriptIndexes } from './transcript-index.ts';

/** Sessions in this process, gone when it ends. */
export class InMemorySessionStore implements SessionStore {
  readonly #sessions = new Map<string, { session: Session; messages: SessionMessage[] }>();
  /** The session of each key that was made last. */
  readonly #newest = new Map<string, string>();
  readonly #indexes = new TranscriptIndexes();
  #isClosed = false;

  async create(session: Session): Promise<{ session: Session; isNew: boolean }> {
    const open = this.#openSession(session);
    if (open !== undefined) return { session: structuredClone(open), isNew: false };
    this.#sessions.set(session.sessionId, { session: structuredClone(session), messages: [] });
    this.#newest.set(keyDigest(session), session.sessionId);
    return { session: structuredClone(session), isNew: true };
  }

  async get(sessionId: string): Promise<Session | undefined> {
    return structuredClone(this.#open.get(sessionId)?.session);
  }

  async find(key: SessionKey): Promise<Session | undefined> {
    return structuredClone(this.#openSession(key));
  }

  async commit(session: Session, added: readonly SessionMessage[]): Promise<boolean> {
    const stored = this.#open.get(session.sessionId);
    if (stored === undefined || stored.session.revision !== session.revision - 1) return false;
    stored.session = structuredClone(session);
    stored.messages.push(...structuredClone(added));
    return true;
  }

  async messages(sessionId: string, query: TranscriptQuery = {}): Promise<SessionMessage[]> {
    return structuredClone(selectMessages(this.#open.get(sessionId)?.messages ?? [], query));
  }

  async findMessage(sessionId: string, messageId: string): Promise<SessionMessage | undefined> {
    return structuredClone(this.#open.get(sessionId)?.messages.find((message) => message.messageId === messageId));
  }

  async search(sessionId: string, query: string, options?: { untilSeq?: number; limit?: number }): Promise<SessionSearchResult[]> {
    const messages = this.#open.get(sessionId)?.messages ?? [];
    const index = this.#indexes.of(sessionId);
    index.add(messages.slice(index.lastSeq));
    return index.search(query, options);
  }

  async list(query: SessionQuery = {}): Promise<Session[]> {
    return structuredClone(selectSessions([...this.#open.values()].map(({ session }) => session), query));
  }

  async delete(sessionId: string): Promise<boolean> {
    this.#indexes.forget(sessionId);
    return this.#open.delete(sessionId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sessions.clear();
    this.#indexes.clear();
  }

  #openSession(key: SessionKey): Session | undefined {
    const newest = this.#open.get(this.#newest.get(keyDigest(key)) ?? '')?.session;
    return newest?.state === SessionState.CLOSED ? undefined : newest;
  }

  get #open(): Map<string, { session: Session; messages: SessionMessage[] }> {
    if (this.#isClosed) throw new SessionStoreClosedError();
    return this.#sessions;
  }
}
