import { CortexError, describeError, type Disk, type IdGenerator } from '@cortex-runtime/core';
import { z } from 'zod';

import { SessionStoreClosedError, SessionStoreError } from '../errors.ts';
import { selectMessages, selectSessions } from '../select.ts';
import { keyDigest, SessionState, type Session, type SessionKey, type SessionMessage } from '../session.ts';
import type { SessionQuery, SessionSearchResult, SessionStore, TranscriptQuery } from '../session-store.ts';
import { TakeTurns } from '../take-turns.ts';
import { TranscriptIndexes } from '../transcript-index.ts';
import { emptyLog, foldLog, formatCommit, type FoldedLog } from './session-log.ts';

/** How much of the files is kept in memory. */
export const FileSessionStoreOptions = z.strictObject({
  /** Sessions whose transcript stays in memory after it was read. */
  maxCachedSessions: z.int().min(1).default(200),
});
export type FileSessionStoreOptions = z.input<typeof FileSessionStoreOptions>;

/**
 * Sessions in files that several processes may share: `logs/<session>.jsonl` holds the commits of a session, `keys/<digest>/<n>.json` says which session is the nth
 * of its key.
 *
 * Nothing is locked. A commit is appended to the log in one write and synced; then the log is read on: of all commits onto one revision the first in the file counts,
 * for everyone, so the writer learns whether it was its own. A key's next session is claimed by linking its file, which exactly one can. A process that dies leaves
 * at most a line that nobody counts, or a log that no key names.
 */
export class FileSessionStore implements SessionStore {
  readonly #disk: Disk;
  readonly #createId: IdGenerator;
  readonly #directory: string;
  readonly #maxCachedSessions: number;
  /** Least recently used first. */
  readonly #logs = new Map<string, FoldedLog>();
  readonly #turns = new TakeTurns();
  readonly #indexes = new TranscriptIndexes();
  #isClosed = false;

  private constructor(deps: { disk: Disk; createId: IdGenerator }, directory: string, options: FileSessionStoreOptions) {
    this.#disk = deps.disk;
    this.#createId = deps.createId;
    this.#directory = directory;
    this.#maxCachedSessions = FileSessionStoreOptions.parse(options).maxCachedSessions;
  }

  /** Makes the directory when it is absent. */
  static async open(deps: { disk: Disk; createId: IdGenerator }, directory: string, options: FileSessionStoreOptions = {}): Promise<FileSessionStore> {
    const store = new FileSessionStore(deps, directory, options);
    await store.#guard('open its directory', async () => {
      for (const folder of ['logs', 'keys']) await deps.disk.makeDirectory(`${directory}/${folder}`);
      await deps.disk.syncDirectory(directory);
    });
    return store;
  }

  async create(session: Session): Promise<{ session: Session; isNew: boolean }> {
    return this.#guard(`create a session of ${session.channel}/${session.domain}/${session.threadId}`, async () => {
      const folder = `${this.#directory}/keys/${keyDigest(session)}`;
      let isWritten = false;
      for (;;) {
        const generation = await this.#newestGeneration(folder);
        const open = await this.#sessionOf(folder, generation);
        if (open !== undefined && open.state !== SessionState.CLOSED) {
          if (isWritten) await this.#disk.remove(this.#logPath(session.sessionId));
          return { session: open, isNew: open.sessionId === session.sessionId };
        }
        if (!isWritten) {
          await this.#disk.makeDirectory(folder);
          await this.#disk.syncDirectory(`${this.#directory}/keys`);
          await this.#append(session.sessionId, formatCommit(emptyLog(), session, [], this.#createId()));
          await this.#disk.syncDirectory(`${this.#directory}/logs`);
          isWritten = true;
        }
        const { channel, domain, threadId, sessionId } = session;
        const isClaimed = await this.#claim(`${folder}/${generation + 1}.json`, { v: 1, session_id: sessionId, channel, domain, thread_id: threadId });
        if (isClaimed) {
          await this.#disk.syncDirectory(folder);
          return { session: structuredClone(session), isNew: true };
        }
      }
    });
  }

  get(sessionId: string): Promise<Session | undefined> {
    return this.#withLog(sessionId, `read session ${sessionId}`, async (log) => structuredClone(log.session));
  }

  find(key: SessionKey): Promise<Session | undefined> {
    return this.#guard('find a session', async () => {
      const folder = `${this.#directory}/keys/${keyDigest(key)}`;
      const session = await this.#sessionOf(folder, await this.#newestGeneration(folder));
      return session?.state === SessionState.CLOSED ? undefined : session;
    });
  }

  commit(session: Session, added: readonly SessionMessage[]): Promise<boolean> {
    return this.#withLog(session.sessionId, `commit to session ${session.sessionId}`, async (log) => {
      if (log.session === undefined || log.session.revision !== session.revision - 1) return false;
      const token = this.#createId();
      let isMine = false;
      await this.#append(session.sessionId, formatCommit(log, session, added, token));
      await this.#readOn(session.sessionId, log, (revision, winner) => {
        if (revision === session.revision) isMine = winner === token;
      });
      return isMine;
    });
  }

  messages(sessionId: string, query: TranscriptQuery = {}): Promise<SessionMessage[]> {
    return this.#withLog(sessionId, `read session ${sessionId}`, async (log) => structuredClone(selectMessages(log.messages, query)));
  }

  findMessage(sessionId: string, messageId: string): Promise<SessionMessage | undefined> {
    return this.#withLog(sessionId, `read session ${sessionId}`, async (log) => structuredClone(log.messageById.get(messageId)));
  }

  search(sessionId: string, query: string, options?: { untilSeq?: number; limit?: number }): Promise<SessionSearchResult[]> {
    return this.#withLog(sessionId, `search session ${sessionId}`, async (log) => {
      if (log.session === undefined) this.#indexes.forget(sessionId); // deleted, perhaps by another process
      const index = this.#indexes.of(sessionId);
      index.add(log.messages.slice(index.lastSeq));
      return index.search(query, options);
    });
  }

  list(query: SessionQuery = {}): Promise<Session[]> {
    return this.#guard('list sessions', async () => {
      const sessions: Session[] = [];
      for (const digest of await this.#disk.list(`${this.#directory}/keys`)) {
        if (!/^[0-9a-f]{64}$/.test(digest)) continue; // what file managers and back-ups leave behind
        const folder = `${this.#directory}/keys/${digest}`;
        for (const generation of await this.#generations(folder)) {
          const session = await this.#sessionOf(folder, generation);
          if (session !== undefined) sessions.push(session);
        }
      }
      return selectSessions(sessions, query);
    });
  }

  delete(sessionId: string): Promise<boolean> {
    return this.#withLog(sessionId, `delete session ${sessionId}`, async (log) => {
      if (log.session === undefined) return false;
      await this.#disk.remove(this.#logPath(sessionId)); // its number stays claimed: the key's next session gets another one
      await this.#disk.syncDirectory(`${this.#directory}/logs`);
      Object.assign(log, emptyLog());
      this.#indexes.forget(sessionId);
      return true;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#logs.clear();
    this.#indexes.clear();
  }

  /** Runs `use` with the log as it is now, one at a time for each session. */
  #withLog<T>(sessionId: string, what: string, use: (log: FoldedLog) => Promise<T>): Promise<T> {
    return this.#guard(what, () =>
      this.#turns.run(sessionId, async () => {
        if (!/^[0-9A-Za-z-]{1,64}$/.test(sessionId)) return use(emptyLog()); // no id of ours, and no file name
        const log = this.#logs.get(sessionId) ?? emptyLog();
        await this.#readOn(sessionId, log);
        this.#logs.delete(sessionId);
        if (log.session !== undefined) this.#logs.set(sessionId, log);
        for (const oldest of this.#logs.keys()) {
          if (this.#logs.size <= this.#maxCachedSessions) break;
          this.#logs.delete(oldest);
        }
        return use(log);
      }),
    );
  }

  async #readOn(sessionId: string, log: FoldedLog, onCommit?: (revision: number, token: string) => void): Promise<void> {
    const path = this.#logPath(sessionId);
    if ((await this.#disk.stat(path)) === undefined) {
      Object.assign(log, emptyLog());
      return;
    }
    const file = await this.#disk.open(path, 'read');
    try {
      const size = await file.size();
      if (size > log.offset) foldLog(log, await file.read(log.offset, size - log.offset), onCommit);
    } finally {
      await file.close();
    }
  }

  async #append(sessionId: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(this.#logPath(sessionId), 'append');
    try {
      await file.write(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** Writes a whole file under a name that must not exist. */
  async #claim(path: string, document: object): Promise<boolean> {
    const temporary = `${path}.${this.#createId()}`;
    const file = await this.#disk.open(temporary, 'create');
    try {
      await file.write(Buffer.from(`${JSON.stringify(document)}\n`));
      await file.datasync();
    } finally {
      await file.close();
    }
    try {
      await this.#disk.link(temporary, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await this.#disk.remove(temporary);
    }
  }

  async #generations(folder: string): Promise<number[]> {
    if ((await this.#disk.stat(folder)) === undefined) return [];
    return (await this.#disk.list(folder)).flatMap((name) => (/^[1-9][0-9]{0,14}\.json$/.test(name) ? Number(name.slice(0, -5)) : [])).sort((a, b) => a - b);
  }

  async #newestGeneration(folder: string): Promise<number> {
    return (await this.#generations(folder)).at(-1) ?? 0;
  }

  async #sessionOf(folder: string, generation: number): Promise<Session | undefined> {
    if (generation === 0) return undefined;
    const { session_id: sessionId } = KeyFile.parse(JSON.parse(Buffer.from(await this.#disk.readFile(`${folder}/${generation}.json`)).toString('utf8')));
    return this.get(sessionId);
  }

  #logPath(sessionId: string): string {
    return `${this.#directory}/logs/${sessionId}.jsonl`;
  }

  async #guard<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new SessionStoreClosedError();
    try {
      return await work();
    } catch (error) {
      throw CortexError.is(error) ? error : new SessionStoreError(what, describeError(error), { cause: error });
    }
  }
}

const KeyFile = z.looseObject({ v: z.literal(1), session_id: z.string() });
