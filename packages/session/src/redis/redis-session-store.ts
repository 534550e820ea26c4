import { hash } from 'node:crypto';

import { CortexError, describeError } from '@cortex-runtime/core';
import { z } from 'zod';

import { SessionStoreClosedError, SessionStoreError } from '../errors.ts';
import { selectSessions } from '../select.ts';
import { messageToDocument, readMessage, readSession, sessionToDocument } from '../session-document.ts';
import { keyDigest, SessionState, type Session, type SessionKey, type SessionMessage } from '../session.ts';
import type { SessionQuery, SessionSearchResult, SessionStore, TranscriptQuery } from '../session-store.ts';
import { TranscriptIndexes } from '../transcript-index.ts';
import { claimKey } from './claim-key.lua.ts';
import { commitSession } from './commit-session.lua.ts';

/** What is needed of a Redis client: `Redis` and `Cluster` of ioredis fit. */
export interface RedisClient {
  call(command: string, ...values: (string | number)[]): Promise<unknown>;
}

/** Where the sessions lie. */
export const RedisSessionStoreOptions = z.strictObject({
  /** What every key begins with; that of an organisation keeps its sessions apart. */
  keyPrefix: z.string().min(1).max(200).regex(/^[^{}\s]+$/, 'may hold no braces and no white space').default('cortex:session'),
  /** Milliseconds after which a session goes that was written but never claimed its key, because the process ended in between. */
  unclaimedMs: z.int().min(1_000).default(60_000),
});
export type RedisSessionStoreOptions = z.input<typeof RedisSessionStoreOptions>;

/**
 * Sessions in Redis 7 or later, as durable as the server is told to be. The keys of a session carry its id as hash tag, so a cluster keeps them together.
 *
 * `<prefix>:{<id>}:session` hash, `:messages` list, `:ids` hash; `<prefix>:key:<digest>` names the newest session of a key; `<prefix>:index` is for listing. The
 * connection belongs to the caller: `close` leaves it open. Do not let the server evict keys.
 */
export class RedisSessionStore implements SessionStore {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #unclaimedMs: number;
  readonly #indexes = new TranscriptIndexes();
  #isClosed = false;

  constructor(deps: { redis: RedisClient }, options: RedisSessionStoreOptions = {}) {
    this.#redis = deps.redis;
    const settings = RedisSessionStoreOptions.parse(options);
    this.#prefix = settings.keyPrefix;
    this.#unclaimedMs = settings.unclaimedMs;
  }

  create(session: Session): Promise<{ session: Session; isNew: boolean }> {
    return this.#guard(`create a session of ${session.channel}/${session.domain}/${session.threadId}`, async () => {
      const pointer = this.#pointer(session);
      const [own] = this.#keys(session.sessionId);
      let isWritten = false;
      for (;;) {
        const seen = await this.#text('GET', pointer);
        const open = seen === undefined ? undefined : await this.#read(seen);
        if (open !== undefined && open.state !== SessionState.CLOSED) {
          if (isWritten && open.sessionId !== session.sessionId) await this.#redis.call('DEL', own);
          return { session: open, isNew: open.sessionId === session.sessionId };
        }
        // Found by id only until the key names it; goes by itself if that never happens.
        await this.#redis.call('HSET', own, 'revision', session.revision, 'document', JSON.stringify(sessionToDocument(session)));
        await this.#redis.call('PEXPIRE', own, this.#unclaimedMs);
        isWritten = true;
        if ((await this.#script(claimKey, [pointer], [seen ?? '', session.sessionId])) !== session.sessionId) continue;
        await this.#redis.call('PERSIST', own);
        await this.#redis.call('ZADD', `${this.#prefix}:index`, session.lastActivityAt, session.sessionId);
        return { session: structuredClone(session), isNew: true };
      }
    });
  }

  get(sessionId: string): Promise<Session | undefined> {
    return this.#guard(`read session ${sessionId}`, () => this.#read(sessionId));
  }

  find(key: SessionKey): Promise<Session | undefined> {
    return this.#guard('find a session', async () => {
      const sessionId = await this.#text('GET', this.#pointer(key));
      const session = sessionId === undefined ? undefined : await this.#read(sessionId);
      return session?.state === SessionState.CLOSED ? undefined : session;
    });
  }

  commit(session: Session, added: readonly SessionMessage[]): Promise<boolean> {
    return this.#guard(`commit to session ${session.sessionId}`, async () => {
      const messages = added.flatMap((message) => [message.messageId, String(message.seq), JSON.stringify(messageToDocument(message))]);
      const document = JSON.stringify(sessionToDocument(session));
      const isCommitted = await this.#script(commitSession, this.#keys(session.sessionId), [String(session.revision - 1), String(session.revision), document, ...messages]);
      if (isCommitted !== 1) return false;
      if (added.length > 0) await this.#redis.call('ZADD', `${this.#prefix}:index`, 'GT', session.lastActivityAt, session.sessionId);
      return true;
    });
  }

  messages(sessionId: string, { afterSeq = 0, untilSeq, limit }: TranscriptQuery = {}): Promise<SessionMessage[]> {
    return this.#guard(`read session ${sessionId}`, async () => {
      const [, transcript] = this.#keys(sessionId);
      const until = Math.min(untilSeq ?? Number.MAX_SAFE_INTEGER, Number(await this.#redis.call('LLEN', transcript)));
      const from = Math.max(afterSeq, limit === undefined ? 0 : until - limit, 0);
      if (until <= from) return [];
      return ((await this.#redis.call('LRANGE', transcript, from, until - 1)) as string[]).map((text) => readMessage(JSON.parse(text)));
    });
  }

  findMessage(sessionId: string, messageId: string): Promise<SessionMessage | undefined> {
    return this.#guard(`read session ${sessionId}`, async () => {
      const [, transcript, ids] = this.#keys(sessionId);
      const seq = await this.#text('HGET', ids, messageId);
      const text = seq === undefined ? undefined : await this.#text('LINDEX', transcript, Number(seq) - 1);
      return text === undefined ? undefined : readMessage(JSON.parse(text));
    });
  }

  async search(sessionId: string, query: string, options: { untilSeq?: number; limit?: number } = {}): Promise<SessionSearchResult[]> {
    if ((await this.get(sessionId)) === undefined) this.#indexes.forget(sessionId); // deleted, perhaps by another process
    const index = this.#indexes.of(sessionId);
    index.add(await this.messages(sessionId, { afterSeq: index.lastSeq }));
    return index.search(query, options);
  }

  list(query: SessionQuery = {}): Promise<Session[]> {
    return this.#guard('list sessions', async () => {
      const ids = (await this.#redis.call('ZRANGE', `${this.#prefix}:index`, 0, -1, 'REV')) as string[];
      const sessions: Session[] = [];
      for (let from = 0; from < ids.length; from += 100) {
        const read = await Promise.all(ids.slice(from, from + 100).map((id) => this.#read(id)));
        sessions.push(...read.filter((session) => session !== undefined));
      }
      return selectSessions(sessions, query);
    });
  }

  delete(sessionId: string): Promise<boolean> {
    return this.#guard(`delete session ${sessionId}`, async () => {
      const removed = await this.#redis.call('DEL', ...this.#keys(sessionId)); // its key finds nothing any more, and may be claimed
      await this.#redis.call('ZREM', `${this.#prefix}:index`, sessionId);
      this.#indexes.forget(sessionId);
      return Number(removed) > 0;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#indexes.clear();
  }

  async #read(sessionId: string): Promise<Session | undefined> {
    const document = await this.#text('HGET', this.#keys(sessionId)[0], 'document');
    return document === undefined ? undefined : readSession(JSON.parse(document));
  }

  #pointer(key: SessionKey): string {
    return `${this.#prefix}:key:${keyDigest(key)}`;
  }

  #keys(sessionId: string): [session: string, transcript: string, ids: string] {
    const own = `${this.#prefix}:{${sessionId}}`;
    return [`${own}:session`, `${own}:messages`, `${own}:ids`];
  }

  async #text(command: string, ...values: (string | number)[]): Promise<string | undefined> {
    const reply = await this.#redis.call(command, ...values);
    return typeof reply === 'string' ? reply : undefined;
  }

  /** By its digest; sent whole where the server does not know it, as after FLUSHALL or a failover. */
  async #script(source: string, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    try {
      return await this.#redis.call('EVALSHA', hash('sha1', source, 'hex'), keys.length, ...keys, ...values);
    } catch (error) {
      if (!describeError(error).includes('NOSCRIPT')) throw error;
      return this.#redis.call('EVAL', source, keys.length, ...keys, ...values);
    }
  }

  async #guard<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new SessionStoreClosedError();
    try {
      return await work();
    } catch (error) {
      // The client notes the command on it, with its values: what people said, and the password when that is what is refused.
      if (error instanceof Error) delete (error as { command?: unknown }).command;
      throw CortexError.is(error) ? error : new SessionStoreError(what, describeError(error), { cause: error });
    }
  }
}
