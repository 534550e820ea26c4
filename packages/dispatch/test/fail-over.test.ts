import { describe, expect, it } from 'vitest';

import type { ExecuteTask } from '../src/index.ts';
import { choices, isChaos } from './support/chaos.ts';
import { openLoadedMesh } from './support/loaded-mesh.ts';
import { agent, freshPrefix, gate, openClient, openRedisBus, redisUrl, until } from './support/mesh.ts';
import { promote, replicatedServers, replicates, restartAsReplica, strictServer } from './support/replicated-servers.ts';
import { proxyTo } from './support/servers.ts';
import { TaskHistory } from './support/task-history.ts';

const count = isChaos ? 10_000 : 600;
const atOnce = 16;
const timeout = isChaos ? 300_000 : 60_000;
const { below } = choices();
const someTime = () => Math.floor(count / 4) + below(Math.floor(count / 2));

const task = (taskId: string) => ({ taskId, messageId: taskId, text: taskId, domain: 'eng' });

// D6, F3
describe.skipIf(redisUrl === '')('tasks over a fail-over to a replica that is behind', { timeout }, () => {
  it.each([
    ['strict', 'none that was accepted is lost, and nobody has to hand any in again'],
    ['standard', 'those that the replica did not get are reported by id, handed in again, and done'],
  ] as const)('%s: %s', async (durability, _) => {
    const { primary, replica, link } = await replicatedServers();
    const way = await proxyTo(primary);
    const mesh = await openLoadedMesh({ submitter: way.url, workers: [way.url, way.url], workMs: 5, config: { durability, socketTimeoutMs: 1_000 }, hasOutbox: durability === 'standard' });
    const { history } = mesh;
    const told = new Set<string>();
    const waiting: string[] = [];
    await mesh.load({ count, atOnce, at: someTime(), strike: async () => {
      await replicates(primary);
      for (const taskId of history.told.keys()) told.add(taskId);
      link.fault = 'half-open';
      const before = new Set(history.accepted);
      if (durability === 'strict') await until(() => expect(history.refusals).toContain('BUS_UNCONFIRMED'));
      else await until(() => expect(history.accepted.size).toBeGreaterThan(before.size + count / 20));
      way.fault = 'refuse';
      await primary.kill();
      waiting.push(...[...history.accepted].filter((taskId) => !before.has(taskId) && !history.told.has(taskId)));
      await promote(replica);
      await restartAsReplica(primary, replica.port);
      way.target = replica.port;
      way.fault = 'none';
    } });
    await mesh.everyTaskIsDone(replica.client(), timeout - 15_000);
    if (durability === 'standard') {
      expect(history.reportedLost.size).toBeGreaterThan(0);
      // Though not the very first of them: they were under way when the link was cut.
      expect(waiting.slice(atOnce).filter((taskId) => !history.reportedLost.has(taskId))).toEqual([]);
    }
    // What the replica had as settled is not done again.
    expect(history.toldTwice.filter((taskId) => told.has(taskId))).toEqual([]);
  });
});

// D7, F3b
describe.skipIf(redisUrl === '')('a replica that was sent nothing yet, though its link is up', { timeout }, () => {
  it('makes the strict class neither healthy nor take tasks; what it takes once it is healthy is on the replica', async () => {
    const primary = await strictServer();
    const [link, way] = [await proxyTo(primary), await proxyTo(primary)];
    const streamPrefix = freshPrefix();
    const bus = openRedisBus({ url: way.url, streamPrefix, durability: 'strict', socketTimeoutMs: 1_000 });
    const client = openClient(bus);
    const history = new TaskHistory();
    const isHealthy = async () => expect(await bus.health()).toMatchObject({ ok: true, details: { confirmed: true } });
    const isUnsafe = async () => {
      expect(await bus.health()).toMatchObject({ ok: false, error: expect.stringContaining('fewer than 1 replicas confirm') as string });
      await history.submit(client, task('too early'));
      expect(history.refusals.splice(0)).toEqual(['BUS_UNCONFIRMED']);
    };
    await isUnsafe(); // there is none
    const replica = await strictServer(link.port);
    await until(async () => expect(await replica.client().info('replication')).toContain('master_link_status:up'));
    link.fault = 'half-open';
    await until(isUnsafe); // unless it had something on its way
    expect(await primary.client().info('replication')).toContain('connected_slaves:1');
    link.fault = 'none';
    link.reset();
    await until(isHealthy);
    for (const taskId of ['a', 'b', 'c']) expect(await history.submit(client, task(taskId))).toBeDefined();
    way.fault = 'refuse';
    await primary.kill();
    await promote(replica);
    way.target = replica.port;
    way.fault = 'none';
    expect((await history.check(replica.client(), streamPrefix)).open).toEqual(new Set(['too early', 'a', 'b', 'c']));
    await until(isUnsafe); // now the other one is missing
    await restartAsReplica(primary, replica.port);
    await until(isHealthy);
  });
});

describe.skipIf(redisUrl === '')('a worker of the strict class that waits for a replica', { timeout }, () => {
  // D6: its sign of life waited behind the question for the replicas, and so live work was taken over.
  it('keeps what it works on meanwhile', async () => {
    const { primary, link } = await replicatedServers();
    const streamPrefix = freshPrefix();
    const open = () => openRedisBus({ url: primary.url, streamPrefix, durability: 'strict', leaseMs: 600, sweepMs: 100, socketTimeoutMs: 5_000 });
    const [bus, otherBus] = [open(), open()];
    const history = new TaskHistory();
    const gates = { short: gate(), long: gate() };
    const began: string[] = [];
    const held: ExecuteTask = async function* (prompt) {
      began.push(prompt);
      await gates[prompt as keyof typeof gates].opened;
      yield { kind: 'output', data: prompt };
    };
    const worker = await agent(bus, held, { identity: 'worker', concurrency: 2 });
    for (const taskId of ['short', 'long']) await history.submit(openClient(bus), task(taskId));
    await until(() => expect(began).toHaveLength(2));
    await agent(otherBus, held, { identity: 'other', concurrency: 2 });
    link.fault = 'half-open';
    gates.short.open();
    await until(() => expect(bus.notices.map(({ type }) => type)).toContain('bus.unconfirmed')); // several leases later
    gates.long.open();
    await until(() => expect(worker.results).toMatchObject([{ taskId: 'short', attempts: 1 }, { taskId: 'long', attempts: 1 }]));
    expect(began).toHaveLength(2);
    await history.check(primary.client(), streamPrefix);
  });
});
