import { assertJsonValue, InvalidInputError, jitteredBackoffMs, sleep, type Clock, type IdGenerator, type JsonObject, type Random } from '@cortex-runtime/core';
import { isSafeTypedName, type MemoryFile, type MemoryStore } from '@cortex-runtime/memory';

import { SessionConfig, type SessionSettings } from './config/session-config.ts';
import { SessionClosedError, SessionConflictError, SessionNotFoundError } from './errors.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionQuery, SessionSearchResult, SessionStore, TranscriptQuery } from './session-store.ts';
import { assertName, assertSessionKey, newSession, SessionState, snapshotId, withMessage, type Session, type SessionMessage } from './session.ts';
import { extractiveSummarizer } from './summary/extract-summary.ts';
import type { Summarizer } from './summary/summarizer.ts';
import { TakeTurns } from './take-turns.ts';

export interface SessionManagerDeps {
  store: SessionStore;
  clock: Clock;
  random: Random;
  createId: IdGenerator;
  /** Makes warm summaries; by extraction when left out. */
  summarizer?: Summarizer;
  /** Holds what is remembered about domains: `context/<domain>` and `skills/<domain>`. */
  memory?: MemoryStore;
}

/** Whose conversation it is. Without a thread it is the one between the sender and the channel, and begins anew after a long silence. */
export interface SessionRequest {
  channel: string;
  domain: string;
  threadId?: string | undefined;
  /** Needed when there is no thread. */
  senderId?: string;
  roomId?: string;
  /** Of a new session. */
  metadata?: JsonObject;
}

/** A message to be recorded. */
export interface NewMessage {
  /** Recorded again under its id it is there once; made when left out. */
  messageId?: string;
  sender?: string;
  senderId: string;
  text: string;
  /** Milliseconds since the Unix epoch; now when left out. */
  sentAt?: number;
  metadata?: JsonObject;
}

export interface RecordedMessage {
  session: Session;
  message: SessionMessage;
  /** False when it had been recorded before. */
  isNew: boolean;
  /** Enough turns are without a summary: call `compact` when there is time. */
  isSummaryDue: boolean;
}

const maxAttempts = 200;
const maxTextChars = 1_000_000;
const messagesPerSummary = 200;

/**
 * Conversations. Every change is a commit onto the revision that it was made from; when others were first it is made again from theirs, so that no turn is lost,
 * however many processes write.
 */
export class SessionManager {
  readonly #deps: SessionManagerDeps;
  readonly #settings: SessionSettings;
  /** Writers of this process wait for each other rather than try against each other. */
  readonly #turns = new TakeTurns();

  constructor(deps: SessionManagerDeps, config: SessionConfig = {}) {
    this.#deps = deps;
    this.#settings = SessionConfig.parse(config);
  }

  /** The session of (channel, domain, thread) that is not closed, made when there is none; all who ask at once get the same one. */
  async getOrCreate(request: SessionRequest): Promise<Session> {
    const isSynthetic = request.threadId === undefined;
    if (isSynthetic) assertName(request.senderId ?? '', 'senderId', 200);
    const threadId = request.threadId ?? `synthetic:${request.senderId}`;
    const key = assertSessionKey({ channel: request.channel, domain: request.domain as Session['domain'], threadId });
    if (request.metadata !== undefined) assertJsonValue(request.metadata, 'metadata');
    for (;;) {
      const found = await this.#deps.store.find(key);
      if (found !== undefined && !(isSynthetic && this.#deps.clock.now() - found.lastActivityAt > this.#settings.syntheticThreadTtlMs)) return found;
      if (found !== undefined) await this.#closeSilent(found);
      const fresh = newSession(key, { sessionId: this.#deps.createId(), now: this.#deps.clock.now(), roomId: request.roomId, metadata: request.metadata });
      const { session } = await this.#deps.store.create(fresh);
      if (session.state !== SessionState.CLOSED) return session;
    }
  }

  /** @throws SessionNotFoundError */
  async get(sessionId: string): Promise<Session> {
    const session = await this.#deps.store.get(sessionId);
    if (session === undefined) throw new SessionNotFoundError(sessionId);
    return session;
  }

  list(query?: SessionQuery): Promise<Session[]> {
    return this.#deps.store.list(query);
  }

  /**
   * Adds what a person or another system wrote.
   *
   * @throws SessionClosedError when the session is closed
   * @throws SessionConflictError when others were faster too often; nothing was written
   */
  recordMessage(sessionId: string, message: NewMessage): Promise<RecordedMessage> {
    return this.#record(sessionId, message, false);
  }

  /** Adds what an agent answered. */
  recordResponse(sessionId: string, message: NewMessage): Promise<RecordedMessage> {
    return this.#record(sessionId, message, true);
  }

  /**
   * Puts what was said before the session existed at the beginning of its transcript, once: when there is a message already, nothing happens.
   *
   * @returns whether it was put there
   */
  async bootstrap(sessionId: string, history: readonly (NewMessage & { isBot?: boolean })[]): Promise<boolean> {
    const given = history.map((message, index) => this.#complete({ ...message, messageId: message.messageId ?? `bootstrap:${index + 1}` }));
    const byId = new Map(given.map((message, index) => [message.messageId, { ...message, isBot: history[index]?.isBot ?? false }]));
    let isPut = false;
    await this.#change(sessionId, (session) => {
      isPut = session.messageCount === 0 && byId.size > 0;
      if (!isPut) return undefined;
      const added = [...byId.values()].map((message, index): SessionMessage => ({ ...message, seq: index + 1 }));
      const now = this.#deps.clock.now();
      return { session: added.reduce((current, message) => withMessage(current, message, now), session), added };
    });
    return isPut;
  }

  /** No message is refused while a session is paused; what pausing means beyond the state is up to who asks for it. */
  pause(sessionId: string): Promise<Session> {
    return this.#setState(sessionId, SessionState.PAUSED);
  }

  resume(sessionId: string): Promise<Session> {
    return this.#setState(sessionId, SessionState.ACTIVE);
  }

  /** Ends a session for good; the next message of its thread begins another one. Closing twice is fine. */
  async close(sessionId: string): Promise<Session> {
    return this.#change(sessionId, (session) => (session.state === SessionState.CLOSED ? undefined : { session: { ...session, state: SessionState.CLOSED }, added: [] }), { mayBeClosed: true });
  }

  /** Says that somebody is still there. */
  touch(sessionId: string): Promise<Session> {
    return this.#change(sessionId, (session) => ({ session: { ...session, state: session.state === SessionState.IDLE ? SessionState.ACTIVE : session.state, lastActivityAt: this.#deps.clock.now() }, added: [] }));
  }

  /** Marks the active sessions without recent activity as idle; to be called now and then. @returns how many there were */
  async markIdle(): Promise<number> {
    const before = this.#deps.clock.now() - this.#settings.idleAfterMs;
    let count = 0;
    for (const { sessionId } of await this.#deps.store.list({ state: SessionState.ACTIVE, limit: Number.MAX_SAFE_INTEGER })) {
      const isSilent = (session: Session) => session.state === SessionState.ACTIVE && session.lastActivityAt <= before;
      const session = await this.#deps.store.get(sessionId);
      if (session === undefined || !isSilent(session)) continue;
      const idle = { ...session, state: SessionState.IDLE, revision: session.revision + 1, updatedAt: this.#deps.clock.now() };
      if (await this.#deps.store.commit(idle, [])) count += 1; // otherwise it is not silent any more
    }
    return count;
  }

  /** Forgets a session and all that was said in it. @returns whether it was there */
  delete(sessionId: string): Promise<boolean> {
    return this.#deps.store.delete(sessionId);
  }

  transcript(sessionId: string, query?: TranscriptQuery): Promise<SessionMessage[]> {
    return this.#deps.store.messages(sessionId, query);
  }

  search(sessionId: string, query: string, options?: { untilSeq?: number; limit?: number }): Promise<SessionSearchResult[]> {
    return this.#deps.store.search(sessionId, query, options);
  }

  /**
   * Sums up the turns before the hot ones when more than `warmSummaryThreshold` turns are without a summary. Meant for the time after a run: a summary may be a model call.
   *
   * @param options.summarizer - for this call, in place of that of the manager
   * @returns whether a summary was made
   */
  async compact(sessionId: string, { signal, summarizer = this.#deps.summarizer ?? extractiveSummarizer }: { signal?: AbortSignal; summarizer?: Summarizer } = {}): Promise<boolean> {
    const start = await this.get(sessionId);
    if (!this.#isSummaryDue(start)) return false;
    const { hotWindowSize, maxSummaryChars } = this.#settings;
    const throughSeq = start.messageCount - hotWindowSize;
    const from = start.summary?.throughSeq ?? 0;
    let text = start.summary?.text;
    let madeBy: 'model' | 'extraction' = 'extraction';
    for (let afterSeq = from; afterSeq < throughSeq; afterSeq += messagesPerSummary) {
      const messages = await this.#deps.store.messages(sessionId, { afterSeq, untilSeq: Math.min(throughSeq, afterSeq + messagesPerSummary) });
      const request = { messages, maxChars: maxSummaryChars, ...(text === undefined ? {} : { previous: text }), ...(signal === undefined ? {} : { signal }) };
      ({ text, madeBy } = await summarizer.summarize(request));
    }
    let isMade = false;
    await this.#change(sessionId, (session) => {
      isMade = (session.summary?.throughSeq ?? 0) === from; // otherwise somebody else has summed up meanwhile
      if (!isMade || text === undefined) return undefined;
      return { session: { ...session, summary: { text, throughSeq, madeBy, madeAt: this.#deps.clock.now() }, contextVersion: session.contextVersion + 1 }, added: [] };
    });
    return isMade;
  }

  /**
   * What a prompt can be told of a session. With a `query`, such as the message at hand, what was said about it long ago is looked up.
   *
   * @throws SessionNotFoundError
   */
  async contextFor(sessionId: string, options: { query?: string } = {}): Promise<SessionContext> {
    const session = await this.get(sessionId);
    const { hotWindowSize, warmSummaryThreshold, recallLimit } = this.#settings;
    const { messageCount } = session;
    const summarized = session.summary?.throughSeq ?? 0;
    const hotFrom = Math.max(0, messageCount - hotWindowSize);
    const warmFrom = Math.max(Math.min(summarized, hotFrom), messageCount - hotWindowSize - warmSummaryThreshold, 0);
    const recent = await this.#deps.store.messages(sessionId, { afterSeq: warmFrom, untilSeq: messageCount });
    const query = options.query?.trim() ?? '';
    const recalled = query === '' || recallLimit === 0 || warmFrom === 0 ? [] : await this.#deps.store.search(sessionId, query, { untilSeq: warmFrom, limit: recallLimit });
    return {
      session,
      hotMessages: recent.filter(({ seq }) => seq > hotFrom),
      warmMessages: recent.filter(({ seq }) => seq <= hotFrom),
      coldMessageCount: warmFrom,
      recalled,
      memories: await this.#domainMemories(session.domain),
      messageCount,
      contextVersion: session.contextVersion,
      snapshotId: snapshotId(session),
    };
  }

  /** Read anew for every prompt, so that nobody has to say that they changed. */
  async #domainMemories(domain: string): Promise<MemoryFile[]> {
    const { memory } = this.#deps;
    if (memory === undefined || !isSafeTypedName(domain)) return [];
    const found: MemoryFile[] = [];
    for (const category of ['context', 'skills'] as const) if (await memory.exists(category, domain)) found.push(await memory.read(category, domain));
    return found;
  }

  async #record(sessionId: string, given: NewMessage, isBot: boolean): Promise<RecordedMessage> {
    const complete = { ...this.#complete(given), isBot };
    let recorded: { message: SessionMessage; isNew: boolean } | undefined;
    const session = await this.#change(sessionId, async (current) => {
      const known = await this.#deps.store.findMessage(sessionId, complete.messageId);
      recorded = known === undefined ? { message: { ...complete, seq: current.messageCount + 1 }, isNew: true } : { message: known, isNew: false };
      return known === undefined ? { session: withMessage(current, recorded.message, this.#deps.clock.now()), added: [recorded.message] } : undefined;
    }, { isKnown: async () => (recorded = await this.#known(sessionId, complete.messageId)) !== undefined });
    if (recorded === undefined) throw new SessionNotFoundError(sessionId);
    return { session, ...recorded, isSummaryDue: this.#isSummaryDue(session) };
  }

  async #known(sessionId: string, messageId: string): Promise<{ message: SessionMessage; isNew: boolean } | undefined> {
    const message = await this.#deps.store.findMessage(sessionId, messageId);
    return message === undefined ? undefined : { message, isNew: false };
  }

  #complete(given: NewMessage): Omit<SessionMessage, 'seq' | 'isBot'> {
    const messageId = given.messageId ?? this.#deps.createId();
    assertName(messageId, 'messageId', 500);
    assertName(given.senderId, 'senderId', 200);
    if (typeof given.text !== 'string' || given.text.length > maxTextChars) throw new InvalidInputError('text', `must be text of at most ${maxTextChars} characters`);
    const metadata = given.metadata ?? {};
    assertJsonValue(metadata, 'metadata');
    const plain = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD');
    return { messageId, sender: plain(given.sender ?? '').slice(0, 200), senderId: given.senderId, text: plain(given.text), sentAt: given.sentAt ?? this.#deps.clock.now(), metadata };
  }

  #isSummaryDue(session: Session): boolean {
    return session.messageCount - (session.summary?.throughSeq ?? 0) > this.#settings.warmSummaryThreshold;
  }

  #setState(sessionId: string, state: SessionState): Promise<Session> {
    return this.#change(sessionId, (session) => (session.state === state ? undefined : { session: { ...session, state }, added: [] }));
  }

  /** Of a thread that was made up: closed only if it is as silent as it was. */
  async #closeSilent(session: Session): Promise<void> {
    await this.#deps.store.commit({ ...session, state: SessionState.CLOSED, revision: session.revision + 1, updatedAt: this.#deps.clock.now() }, []);
  }

  /** Commits what `change` makes of the session, again until it was first; undefined when there is nothing to change. */
  #change(
    sessionId: string,
    change: (session: Session) => ({ session: Session; added: readonly SessionMessage[] } | undefined) | Promise<{ session: Session; added: readonly SessionMessage[] } | undefined>,
    options: { mayBeClosed?: boolean; isKnown?: () => Promise<boolean> } = {},
  ): Promise<Session> {
    return this.#turns.run(sessionId, async () => {
      for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
        const current = await this.get(sessionId);
        if (current.state === SessionState.CLOSED && options.mayBeClosed !== true) {
          if (await options.isKnown?.()) return current; // it had been recorded before the session was closed
          throw new SessionClosedError(sessionId);
        }
        const changed = await change(current);
        if (changed === undefined) return current;
        const next: Session = { ...changed.session, revision: current.revision + 1, updatedAt: this.#deps.clock.now() };
        if (await this.#deps.store.commit(next, changed.added)) return next;
        await sleep(this.#deps.clock, jitteredBackoffMs(Math.min(attempt, 6), { baseMs: 1, maxMs: 20 }, this.#deps.random));
      }
      throw new SessionConflictError(sessionId, maxAttempts);
    });
  }
}
