import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { SessionManager } from '../src/index.ts';
import { RedisSessionStore } from '../src/redis/index.ts';

const createId = idGenerator({ clock: systemClock, random: systemRandom });
const key = { channel: 'slack', domain: 'eng', threadId: 't' };

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A Redis of our own that can be killed and started again on its data. */
async function redisServer(...settings: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'cortex-session-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = () => {
    server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...settings], { stdio: 'ignore' });
  };
  const kill = () =>
    new Promise<void>((resolve) => {
      if (server === undefined || server.exitCode !== null || server.signalCode !== null) return resolve();
      server.once('exit', () => resolve());
      server.kill('SIGKILL');
    });
  onTestFinished(async () => {
    await kill();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  start();
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return { client, kill, start };
}

const open = (redis: Redis) => new SessionManager({ store: new RedisSessionStore({ redis }), clock: systemClock, random: systemRandom, createId });

describe.skipIf(inject('redisUrl') === '')('a Redis that is killed', () => {
  // catalogue row D4, F2
  it('has every acknowledged turn once when it comes back, if it writes its log always', async () => {
    const { client, kill, start } = await redisServer('--appendonly', 'yes', '--appendfsync', 'always');
    const manager = open(client);
    const { sessionId } = await manager.getOrCreate(key);
    let acknowledged = 0;
    let lostConnections = 0;
    client.on('close', () => (lostConnections += 1));
    const recording = (async () => {
      for (; acknowledged < 120; acknowledged += 1) await manager.recordMessage(sessionId, { senderId: 'u', text: `turn ${acknowledged}` });
    })();
    for (const turns of [20, 60]) {
      await expect.poll(() => acknowledged, { timeout: 20_000, interval: 1 }).toBeGreaterThan(turns);
      await kill();
      start();
    }
    await recording;
    expect(lostConnections).toBeGreaterThanOrEqual(2);
    expect((await manager.transcript(sessionId)).map(({ text }) => text)).toEqual(Array.from({ length: 120 }, (_, turn) => `turn ${turn}`));
  }, 60_000);

  // catalogue row D5
  it('begins a new session when it comes back empty, and says of the old one that it is gone', async () => {
    const { client, kill, start } = await redisServer();
    const manager = open(client);
    const old = await manager.getOrCreate(key);
    await manager.recordMessage(old.sessionId, { senderId: 'u', text: 'before' });
    await kill();
    start();
    await expect(manager.recordMessage(old.sessionId, { senderId: 'u', text: 'after' })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    const fresh = await manager.getOrCreate(key);
    expect(fresh.sessionId).not.toBe(old.sessionId);
    expect((await manager.recordMessage(fresh.sessionId, { senderId: 'u', text: 'after' })).message.seq).toBe(1);
  }, 60_000);
});
