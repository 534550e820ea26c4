import { idGenerator } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';
import pg from 'pg';

import { FileSessionStore, SessionManager, type SessionStore } from '../src/index.ts';
import { PostgresSessionStore } from '../src/postgres/index.ts';
import { RedisSessionStore } from '../src/redis/index.ts';

export interface RecordTurnsOptions {
  /** A directory, a Redis URL or a PostgreSQL URL. */
  location: string;
  scope: string;
  writer: string;
  turns: number;
}

const createId = idGenerator({ clock: systemClock, random: systemRandom });

/** The store at a location, and what ends its connections. */
export async function openStore({ location, scope }: Pick<RecordTurnsOptions, 'location' | 'scope'>): Promise<{ store: SessionStore; end(): Promise<void> }> {
  if (location.startsWith('redis:')) {
    const redis = new Redis(location);
    return { store: new RedisSessionStore({ redis }, { keyPrefix: scope }), end: async () => redis.disconnect() };
  }
  if (location.startsWith('postgres:')) {
    const pool = new pg.Pool({ connectionString: location, max: 2 });
    return { store: await PostgresSessionStore.open({ pool }, { scope }), end: () => pool.end() };
  }
  return { store: await FileSessionStore.open({ disk: nodeDisk, createId }, location), end: async () => undefined };
}

/** What a test runs in processes of their own: finds or makes the session, records turns, and prints each that was acknowledged. */
export async function recordTurns(options: RecordTurnsOptions): Promise<void> {
  const { store, end } = await openStore(options);
  const manager = new SessionManager({ store, clock: systemClock, random: systemRandom, createId });
  const { sessionId } = await manager.getOrCreate({ channel: 'slack', domain: 'eng', threadId: 'shared' });
  process.stdout.write(`session ${sessionId}\n`);
  for (let turn = 0; turn < options.turns; turn += 1) {
    const message = { senderId: options.writer, text: `${options.writer} ${turn}`, messageId: `${options.writer}-${turn}` };
    await (turn % 2 === 0 ? manager.recordMessage(sessionId, message) : manager.recordResponse(sessionId, message));
    process.stdout.write(`${turn}\n`);
  }
  await end();
}
