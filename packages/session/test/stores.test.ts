import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator, type Disk } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { FileSessionStore, InMemorySessionStore, newSession, SessionManager } from '../src/index.ts';
import { PostgresSessionStore } from '../src/postgres/index.ts';
import { RedisSessionStore } from '../src/redis/index.ts';
import { describeSessionStoreContract } from '../src/testing/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
  }
}

/** Lets every request through to the server, and instead of every `every`th reply closes the connection. */
async function cuttingProxy(serverPort: number, every: number): Promise<{ port: number; cuts(): number; heal(): void }> {
  let replies = 0;
  let cuts = 0;
  let isHealed = false;
  const proxy = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    client.pipe(server);
    server.on('data', (data) => {
      replies += 1;
      if (isHealed || replies % every !== 0) client.write(data);
      else {
        cuts += 1;
        client.destroy();
      }
    });
    for (const [one, other] of [[client, server], [server, client]] as const) one.on('error', () => undefined).on('close', () => other.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  return { port: (proxy.address() as { port: number }).port, cuts: () => cuts, heal: () => (isHealed = true) };
}

const createId = idGenerator({ clock: systemClock, random: systemRandom });
const key = { channel: 'slack', domain: 'eng', threadId: 't-1' } as const;
const fresh = () => newSession(key, { sessionId: createId(), now: 1 });

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'cortex-session-'));
  onTestFinished(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

describeSessionStoreContract('InMemorySessionStore', async () => new InMemorySessionStore());
describeSessionStoreContract('FileSessionStore', async () => FileSessionStore.open({ disk: nodeDisk, createId }, await folder()));
describeSessionStoreContract('FileSessionStore with room for one session', async () => FileSessionStore.open({ disk: nodeDisk, createId }, await folder(), { maxCachedSessions: 1 }));

describe('FileSessionStore', () => {
  const message = (seq: number) => ({ seq, messageId: `m-${seq}`, sender: '', senderId: 'u', text: `t${seq}`, sentAt: 1, isBot: false, metadata: {} });

  it('reads what was torn by a crash as nothing, and what comes after it', async () => {
    const directory = await folder();
    const store = await FileSessionStore.open({ disk: nodeDisk, createId }, directory);
    const { session } = await store.create(fresh());
    await store.commit({ ...session, messageCount: 1, revision: 2 }, [message(1)]);
    const path = join(directory, 'logs', `${session.sessionId}.jsonl`);
    const whole = (await readFile(path, 'utf8')).trimEnd().split('\n').at(-1) ?? '';
    await appendFile(path, `\n${whole.slice(0, 40)}`);
    expect(await store.commit({ ...session, messageCount: 2, revision: 3 }, [message(2)])).toBe(true);
    await appendFile(path, `\n${'0'.repeat(16)} {"v":1,"revision":4,"token":"x","changes":{},"messages":[]}\n`);
    const again = await FileSessionStore.open({ disk: nodeDisk, createId }, directory);
    expect((await again.messages(session.sessionId)).map(({ text }) => text)).toEqual(['t1', 't2']);
    expect((await again.get(session.sessionId))?.revision).toBe(3);
  });

  it('takes the first of two commits onto one revision, whoever reads', async () => {
    const directory = await folder();
    const [a, b] = [await FileSessionStore.open({ disk: nodeDisk, createId }, directory), await FileSessionStore.open({ disk: nodeDisk, createId }, directory)];
    const { session } = await a.create(fresh());
    await b.get(session.sessionId);
    const [first, second] = await Promise.all([a, b].map((store, index) => store.commit({ ...session, messageCount: 1, revision: 2 }, [{ ...message(1), text: `writer ${index}` }])));
    expect([first, second].filter(Boolean)).toHaveLength(1);
    const expected = first ? 'writer 0' : 'writer 1';
    for (const store of [a, b, await FileSessionStore.open({ disk: nodeDisk, createId }, directory)]) expect((await store.messages(session.sessionId)).map(({ text }) => text)).toEqual([expected]);
  });

  it('finds nothing any more of what another process deleted', async () => {
    const directory = await folder();
    const [a, b] = [await FileSessionStore.open({ disk: nodeDisk, createId }, directory), await FileSessionStore.open({ disk: nodeDisk, createId }, directory)];
    const { session } = await a.create(fresh());
    await a.commit({ ...session, messageCount: 1, revision: 2 }, [message(1)]);
    expect(await a.search(session.sessionId, 't1')).toHaveLength(1);
    await b.delete(session.sessionId);
    expect(await a.search(session.sessionId, 't1')).toEqual([]);
    expect(await a.messages(session.sessionId)).toEqual([]);
    expect(await a.commit({ ...session, messageCount: 2, revision: 3 }, [message(2)])).toBe(false);
  });

  // catalogue row S5: what file managers, editors and back-ups leave behind
  it('passes over files that it did not write', async () => {
    const directory = await folder();
    const store = await FileSessionStore.open({ disk: nodeDisk, createId }, directory);
    const { session } = await store.create(fresh());
    const [digest = ''] = await readdir(join(directory, 'keys'));
    for (const path of ['.DS_Store', 'keys/.DS_Store', 'keys/notes.txt', 'logs/.DS_Store', 'logs/.hidden.jsonl', `keys/${digest}/.DS_Store`, `keys/${digest}/._1.json`, `keys/${digest}/1.json~`]) await writeFile(join(directory, path), 'x');
    await mkdir(join(directory, 'keys/.Trash'));
    const again = await FileSessionStore.open({ disk: nodeDisk, createId }, directory);
    expect((await again.list()).map(({ sessionId }) => sessionId)).toEqual([session.sessionId]);
    expect(await again.find(key)).toMatchObject({ sessionId: session.sessionId });
    expect((await again.create(fresh())).isNew).toBe(false);
  });

  it('says what it could not do when the disk is full, and reads on', async () => {
    const directory = await folder();
    const real = await FileSessionStore.open({ disk: nodeDisk, createId }, directory);
    const { session } = await real.create(fresh());
    const full: Disk = {
      ...nodeDisk,
      async open(path, mode, options) {
        const file = await nodeDisk.open(path, mode, options);
        return mode === 'append' ? { ...file, write: async (data) => file.write(data.subarray(0, 20)).then(() => Promise.reject(new Error('ENOSPC: no space left on device'))) } : file;
      },
    };
    const store = await FileSessionStore.open({ disk: full, createId }, directory);
    await expect(store.commit({ ...session, messageCount: 1, revision: 2 }, [message(1)])).rejects.toMatchObject({ code: 'SESSION_STORE_FAILED', retryable: true });
    expect(await real.commit({ ...session, messageCount: 1, revision: 2 }, [message(1)])).toBe(true);
    expect((await store.messages(session.sessionId)).map(({ text }) => text)).toEqual(['t1']);
  });
});

const postgresUrl = inject('postgresUrl');
describe.skipIf(postgresUrl === '')('on a real PostgreSQL', () => {
  const pool = new pg.Pool({ connectionString: postgresUrl === '' ? 'postgres://127.0.0.1:1' : postgresUrl, max: 10 });
  afterAll(() => pool.end());

  describeSessionStoreContract('PostgresSessionStore', () => PostgresSessionStore.open({ pool }, { scope: randomUUID() }));

  it('shows a scope nothing of another one', async () => {
    const [one, other] = [await PostgresSessionStore.open({ pool }, { scope: randomUUID() }), await PostgresSessionStore.open({ pool }, { scope: randomUUID() })];
    const { session } = await one.create(fresh());
    expect(await other.find(key)).toBeUndefined();
    expect(await other.get(session.sessionId)).toBeUndefined();
    expect(await other.delete(session.sessionId)).toBe(false);
  });

  it('refuses a schema that is no name', async () => {
    await expect(PostgresSessionStore.open({ pool }, { schema: 'x; drop table y' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

const redisUrl = inject('redisUrl');
describe.skipIf(redisUrl === '')('on a real Redis', () => {
  const redis = new Redis(redisUrl === '' ? 'redis://127.0.0.1:1' : redisUrl, { lazyConnect: true });
  afterAll(() => redis.disconnect());
  const open = (keyPrefix = `test:${randomUUID()}`) => new RedisSessionStore({ redis }, { keyPrefix });

  describeSessionStoreContract('RedisSessionStore', async () => open());

  it('goes on when the server has forgotten its scripts', async () => {
    const store = open();
    const { session } = await store.create(fresh());
    await redis.script('FLUSH');
    expect(await store.commit({ ...session, revision: 2 }, [])).toBe(true);
  });

  it('gives a key to the next one when the session it names is gone', async () => {
    const [prefix] = [`test:${randomUUID()}`];
    const store = open(prefix);
    const { session } = await store.create(fresh());
    await redis.del(`${prefix}:{${session.sessionId}}:session`);
    expect(await store.find(key)).toBeUndefined();
    expect((await store.create(fresh())).isNew).toBe(true);
  });

  it('leaves no session behind that lost the race for its key', async () => {
    const prefix = `test:${randomUUID()}`;
    const store = open(prefix);
    await Promise.all(Array.from({ length: 10 }, () => store.create(fresh())));
    expect(await redis.keys(`${prefix}:{*`)).toHaveLength(1);
    const [only] = await redis.keys(`${prefix}:{*`);
    expect(await redis.pttl(only ?? '')).toBe(-1);
  });

  it('finds nothing any more of what another process deleted', async () => {
    const prefix = `test:${randomUUID()}`;
    const [a, b] = [open(prefix), open(prefix)];
    const { session } = await a.create(fresh());
    const message = { seq: 1, messageId: 'm', sender: '', senderId: 'u', text: 'words', sentAt: 1, isBot: false, metadata: {} };
    await a.commit({ ...session, messageCount: 1, revision: 2 }, [message]);
    expect(await a.search(session.sessionId, 'words')).toHaveLength(1);
    await b.delete(session.sessionId);
    expect(await a.search(session.sessionId, 'words')).toEqual([]);
  });

  // catalogue row D9, F5: a client sends again what it got no reply to
  it('has every turn once when replies are lost after the server did what was asked', async () => {
    const proxy = await cuttingProxy(Number(new URL(redisUrl).port), 7);
    const client = new Redis(proxy.port, '127.0.0.1', { retryStrategy: () => 1, maxRetriesPerRequest: null });
    onTestFinished(() => client.disconnect());
    client.on('error', () => undefined);
    const prefix = `test:${randomUUID()}`;
    const manager = new SessionManager({ store: new RedisSessionStore({ redis: client }, { keyPrefix: prefix }), clock: systemClock, random: systemRandom, createId });
    const { sessionId } = await manager.getOrCreate(key);
    for (let turn = 0; turn < 60; turn += 1) await manager.recordMessage(sessionId, { senderId: 'u', text: `turn ${turn}` });
    proxy.heal();
    expect(proxy.cuts()).toBeGreaterThan(10);
    expect((await open(prefix).messages(sessionId)).map(({ text }) => text)).toEqual(Array.from({ length: 60 }, (_, turn) => `turn ${turn}`));
  }, 30_000);

  it('refuses a prefix that would break the hash tags', () => {
    expect(() => open('a{b}')).toThrow(/braces/);
  });
});
