import { cutAppendOnlyFile, markAppendOnlyFile } from '@cortex-runtime/bus/testing/servers';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';

import { choices, isChaos } from './support/chaos.ts';
import { openLoadedMesh } from './support/loaded-mesh.ts';
import { freshPrefix, openClient, openRedisBus, redisUrl, until } from './support/mesh.ts';
import { ownServer } from './support/servers.ts';

const count = isChaos ? 10_000 : 800;
const atOnce = 16;
const { below } = choices();
/** When the server is struck: in the middle of the load. */
const someTime = () => Math.floor(count / 4) + below(Math.floor(count / 2));
const timeout = isChaos ? 300_000 : 60_000;

// D4
describe.skipIf(redisUrl === '')('tasks on a server that is killed under load', { timeout }, () => {
  it('strict: none that was accepted is lost, and nobody has to hand any in again', async () => {
    const server = await ownServer({ args: ['--appendfsync', 'always'] });
    const mesh = await openLoadedMesh({ submitter: server.url, workers: [server.url, server.url], config: { durability: 'strict', confirmingReplicas: 0 }, hasOutbox: false });
    await mesh.load({ count, atOnce, at: someTime(), strike: async () => {
      await server.kill();
      await server.restart();
    } });
    await mesh.everyTaskIsDone(server.client(), timeout - 15_000);
    expect([mesh.history.refusals, mesh.history.toldTwice]).toEqual([[], []]);
  });

  it('standard: what the server has forgotten is reported by id, handed in again, and done; what it had kept is not done again', async () => {
    // Its file has all that it has answered, so that what a crash of its machine takes is chosen here.
    const server = await ownServer({ args: ['--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'] });
    const mesh = await openLoadedMesh({ submitter: server.url, workers: [server.url, server.url], workMs: 5, config: {}, hasOutbox: true });
    const { history } = mesh;
    const accepted: string[] = [];
    const told = new Set<string>();
    await mesh.load({ count, atOnce, at: someTime(), strike: async () => {
      const mark = markAppendOnlyFile(server.directory);
      for (const taskId of history.told.keys()) told.add(taskId);
      const before = new Set(history.accepted);
      await until(() => expect(history.accepted.size).toBeGreaterThan(before.size + count / 20));
      await server.kill();
      expect(cutAppendOnlyFile(server.directory, mark)).toBeGreaterThan(0);
      accepted.push(...[...history.accepted].filter((taskId) => !before.has(taskId) && !history.told.has(taskId)));
      await server.restart();
    } });
    await mesh.everyTaskIsDone(server.client(), timeout - 15_000);
    // Those that the server took in its last moments, though not the very first of them: they were under way at the mark.
    expect(accepted.slice(atOnce).filter((taskId) => !history.reportedLost.has(taskId))).toEqual([]);
    expect(history.reportedLost.size).toBeGreaterThan(0);
    expect(history.toldTwice.filter((taskId) => told.has(taskId))).toEqual([]);
  });

  it('memory: all that waits is gone with the server, is reported, and done all the same; without this class such a server is refused', async () => {
    const server = await ownServer({ args: ['--appendonly', 'no'] });
    await expect(openClient(openRedisBus({ url: server.url, streamPrefix: freshPrefix() })).submit({ messageId: 'm', text: 'x' })).rejects.toMatchObject({ code: 'BUS_UNSAFE_SERVER' });
    const mesh = await openLoadedMesh({ submitter: server.url, workers: [server.url], workMs: 20, config: { durability: 'memory' }, hasOutbox: true });
    const waiting: string[] = [];
    await mesh.load({ count, atOnce, at: someTime(), strike: async () => {
      await server.kill();
      waiting.push(...[...mesh.history.accepted].filter((taskId) => !mesh.history.told.has(taskId)));
      await server.restart();
    } });
    await mesh.everyTaskIsDone(server.client(), timeout - 15_000);
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting.filter((taskId) => !mesh.history.reportedLost.has(taskId))).toEqual([]);
  });
});

// D5
describe.skipIf(redisUrl === '')('tasks on a server that is emptied under load', { timeout }, () => {
  it.each<[string, (redis: Redis, prefix: string) => Promise<unknown>]>([
    ['all of it', (redis) => redis.flushall()],
    ['of the stream that its readers wait on', (redis, prefix) => redis.del(`${prefix}:tasks:eng`)],
  ])('%s: readers go on, the loss is noticed, and what was lost is handed in again', async (_, empty) => {
    const server = await ownServer();
    const redis = server.client();
    await redis.ping(); // connected
    const mesh = await openLoadedMesh({ submitter: server.url, workers: [server.url, server.url], workMs: 20, config: {}, hasOutbox: true });
    await mesh.load({ count, atOnce, at: someTime(), strike: () => empty(redis, mesh.streamPrefix).then(() => {}) });
    await mesh.everyTaskIsDone(server.client(), timeout - 15_000);
    expect(mesh.history.reportedLost.size).toBeGreaterThan(0);
    await until(() => expect(mesh.notices()).toContain('bus.reset'));
  });
});
