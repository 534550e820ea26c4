import { CortexError, describeError, InvalidInputError } from '@cortex-runtime/core';
import { splitWords } from '@cortex-runtime/memory';
import { z } from 'zod';

import { SessionStoreClosedError, SessionStoreError } from '../errors.ts';
import { messageToDocument, readMessage, readSession, sessionToDocument } from '../session-document.ts';
import { keyDigest, type Session, type SessionKey, type SessionMessage } from '../session.ts';
import type { SessionQuery, SessionSearchResult, SessionStore, TranscriptQuery } from '../session-store.ts';

/** What is needed of a PostgreSQL client: a `Pool` of `pg` fits, and so does a shim over PGlite. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
}

/** Where the sessions lie. */
export const PostgresSessionStoreOptions = z.strictObject({
  /** Sessions of different scopes, such as organisations, see nothing of each other. */
  scope: z.string().max(200).default(''),
  /** The schema of the tables; it must exist. */
  schema: z.string().default('public'),
});
export type PostgresSessionStoreOptions = z.input<typeof PostgresSessionStoreOptions>;

const maxWords = 2_000;

/** Sessions in PostgreSQL. Every promise is one statement, so no transaction is held open. The connections belong to the caller: `close` leaves the pool open. */
export class PostgresSessionStore implements SessionStore {
  readonly #pool: PostgresPool;
  readonly #scope: string;
  readonly #sessions: string;
  readonly #messages: string;
  #isClosed = false;

  private constructor(pool: PostgresPool, { scope, schema }: z.output<typeof PostgresSessionStoreOptions>) {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw new InvalidInputError('schema', `must be lower-case letters, digits and "_", got ${JSON.stringify(schema)}`);
    this.#pool = pool;
    this.#scope = scope;
    this.#sessions = `${schema}.cortex_sessions`;
    this.#messages = `${schema}.cortex_session_messages`;
  }

  /** Makes the tables when they are not there; many may do so at once. */
  static async open(deps: { pool: PostgresPool }, options: PostgresSessionStoreOptions = {}): Promise<PostgresSessionStore> {
    const store = new PostgresSessionStore(deps.pool, PostgresSessionStoreOptions.parse(options));
    await store.#query('make its tables', `
      select pg_advisory_xact_lock(7236913);
      create table if not exists ${store.#sessions} (
        scope text not null, session_id text not null, key_digest text not null, state text not null, channel text not null, domain text not null,
        revision bigint not null, last_activity_at double precision not null, document json not null, primary key (scope, session_id));
      create unique index if not exists cortex_sessions_open on ${store.#sessions} (scope, key_digest) where state <> 'closed';
      create index if not exists cortex_sessions_recent on ${store.#sessions} (scope, last_activity_at desc);
      create table if not exists ${store.#messages} (
        scope text not null, session_id text not null, seq bigint not null, message_id text not null, document json not null, words text[] not null,
        primary key (scope, session_id, seq), unique (scope, session_id, message_id));`);
    return store;
  }

  async create(session: Session): Promise<{ session: Session; isNew: boolean }> {
    for (;;) {
      const open = await this.find(session);
      if (open !== undefined) return { session: open, isNew: open.sessionId === session.sessionId };
      const { rowCount } = await this.#query(
        'create a session',
        `insert into ${this.#sessions} (scope, session_id, key_digest, state, channel, domain, revision, last_activity_at, document)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
        [
          this.#scope, session.sessionId, keyDigest(session), session.state, session.channel, session.domain, session.revision, session.lastActivityAt,
          JSON.stringify(sessionToDocument(session)),
        ],
      );
      if (rowCount === 1) return { session: structuredClone(session), isNew: true };
    }
  }

  async get(sessionId: string): Promise<Session | undefined> {
    const { rows } = await this.#query(`read session ${sessionId}`, `select document from ${this.#sessions} where scope = $1 and session_id = $2`, [this.#scope, sessionId]);
    return rows[0] === undefined ? undefined : readSession(rows[0]['document']);
  }

  async find(key: SessionKey): Promise<Session | undefined> {
    const { rows } = await this.#query('find a session', `select document from ${this.#sessions} where scope = $1 and key_digest = $2 and state <> 'closed'`, [this.#scope, keyDigest(key)]);
    return rows[0] === undefined ? undefined : readSession(rows[0]['document']);
  }

  async commit(session: Session, added: readonly SessionMessage[]): Promise<boolean> {
    const { rows } = await this.#query(
      `commit to session ${session.sessionId}`,
      `with moved as (
         update ${this.#sessions} set revision = $3, state = $4, last_activity_at = $5, document = $6
         where scope = $1 and session_id = $2 and revision = $3 - 1 returning 1),
       added as (
         insert into ${this.#messages} (scope, session_id, seq, message_id, document, words)
         select $1, $2, (m->>'seq')::bigint, m->>'message_id', m->'document', array(select jsonb_array_elements_text((m->'words')::jsonb))
         from json_array_elements($7::json) as m where exists (select 1 from moved) returning 1)
       select count(*)::int as moved from moved`,
      [
        this.#scope, session.sessionId, session.revision, session.state, session.lastActivityAt, JSON.stringify(sessionToDocument(session)),
        JSON.stringify(added.map((message) => ({ seq: message.seq, message_id: message.messageId, document: messageToDocument(message), words: wordsOf(`${message.sender} ${message.text}`) }))),
      ],
    );
    return rows[0]?.['moved'] === 1;
  }

  async messages(sessionId: string, { afterSeq = 0, untilSeq, limit }: TranscriptQuery = {}): Promise<SessionMessage[]> {
    const { rows } = await this.#query(
      `read session ${sessionId}`,
      `select document from ${this.#messages} where scope = $1 and session_id = $2 and seq > $3 and ($4::bigint is null or seq <= $4) order by seq desc limit $5`,
      [this.#scope, sessionId, afterSeq, untilSeq ?? null, limit ?? null],
    );
    return rows.reverse().map(({ document }) => readMessage(document));
  }

  async findMessage(sessionId: string, messageId: string): Promise<SessionMessage | undefined> {
    const { rows } = await this.#query(`read session ${sessionId}`, `select document from ${this.#messages} where scope = $1 and session_id = $2 and message_id = $3`, [this.#scope, sessionId, messageId]);
    return rows[0] === undefined ? undefined : readMessage(rows[0]['document']);
  }

  /** By whole words: the score is the share of the query's words that a message holds. */
  async search(sessionId: string, query: string, { untilSeq, limit = 5 }: { untilSeq?: number; limit?: number } = {}): Promise<SessionSearchResult[]> {
    const words = wordsOf(query).slice(0, 64);
    if (words.length === 0) return [];
    const { rows } = await this.#query(
      `search session ${sessionId}`,
      `select document, (select count(*) from unnest($3::text[]) as q(word) where q.word = any(words))::float8 / $4 as score from ${this.#messages}
       where scope = $1 and session_id = $2 and words && $3::text[] and ($5::bigint is null or seq <= $5) order by score desc, seq desc limit $6`,
      [this.#scope, sessionId, words, words.length, untilSeq ?? null, limit],
    );
    return rows.map(({ document, score }) => ({ message: readMessage(document), score: Number(score) }));
  }

  async list({ state, channel, domain, limit = 100 }: SessionQuery = {}): Promise<Session[]> {
    const { rows } = await this.#query(
      'list sessions',
      `select document from ${this.#sessions} where scope = $1 and ($2::text is null or state = $2) and ($3::text is null or channel = $3) and ($4::text is null or domain = $4)
       order by last_activity_at desc, session_id desc limit $5`,
      [this.#scope, state ?? null, channel ?? null, domain ?? null, limit],
    );
    return rows.map(({ document }) => readSession(document));
  }

  async delete(sessionId: string): Promise<boolean> {
    const { rows } = await this.#query(
      `delete session ${sessionId}`,
      `with gone as (delete from ${this.#sessions} where scope = $1 and session_id = $2 returning 1),
       said as (delete from ${this.#messages} where scope = $1 and session_id = $2)
       select count(*)::int as gone from gone`,
      [this.#scope, sessionId],
    );
    return rows[0]?.['gone'] === 1;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #query(what: string, text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }> {
    if (this.#isClosed) throw new SessionStoreClosedError();
    try {
      return await this.#pool.query(text, values);
    } catch (error) {
      throw CortexError.is(error) ? error : new SessionStoreError(what, describeError(error), { cause: error });
    }
  }
}

/** Different words, bounded as an index row of PostgreSQL is. */
function wordsOf(text: string): string[] {
  return [...new Set(splitWords(text).map((word) => word.slice(0, 200)))].slice(0, maxWords);
}
