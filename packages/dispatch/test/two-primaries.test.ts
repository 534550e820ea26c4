import type { BusConfig } from '@cortex-runtime/bus/config';
import { InMemoryJournal } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { TaskOutbox, type ExecuteTask } from '../src/index.ts';
import { agent, clock, createId, freshPrefix, gate, openClient, openRedisBus, redisUrl, until } from './support/mesh.ts';
import { promote, replicatedServers, replicates, restartAsReplica, strictServer } from './support/replicated-servers.ts';
import { proxyTo } from './support/servers.ts';
import { TaskHistory } from './support/task-history.ts';

const task = (taskId: string) => ({ taskId, messageId: taskId, text: taskId, domain: 'eng' });

/**
 * Two servers that both take themselves for the primary, each with clients: those on the old one go a way that leads there until it is led elsewhere. The new one has a replica, so that its clients can
 * work in the strict class.
 */
async function split(config: BusConfig) {
  const { primary: old, replica: next, link } = await replicatedServers();
  await strictServer(next.port);
  const way = await proxyTo(old);
  const streamPrefix = freshPrefix();
  const open = (url: string) => openRedisBus({ url, streamPrefix, leaseMs: 700, sweepMs: 100, socketTimeoutMs: 1_000, ...config });
  const [pinned, elsewhere] = [open(way.url), open(next.url)];
  return {
    pinned, elsewhere, redis: next.client(), streamPrefix,
    old, next,
    async part() {
      await replicates(old);
      link.fault = 'half-open';
      await promote(next);
      await replicates(next);
    },
    /** The old one follows the new one, and with it whoever was pinned to it. */
    async heal() {
      way.fault = 'refuse';
      way.reset();
      await restartAsReplica(old, next.port);
      way.target = next.port;
      way.fault = 'none';
    },
  };
}

// D8
describe.skipIf(redisUrl === '')('two servers that both take themselves for the primary', { timeout: 60_000 }, () => {
  it('strict: nothing can be handed in at the old one, and what its workers say, then or later, is not the outcome of a task', async () => {
    const { pinned, elsewhere, redis, streamPrefix, part, heal } = await split({ durability: 'strict' });
    const history = new TaskHistory();
    const client = openClient(pinned);
    const [during, after] = [gate(), gate()];
    const began: string[] = [];
    const held: ExecuteTask = async function* (prompt) {
      began.push(prompt);
      await (prompt === 'during' ? during : after).opened;
      yield { kind: 'output', data: `${prompt}, at the old one` };
    };
    const cutOff = await agent(pinned, held, { identity: 'cut-off', concurrency: 2 });
    for (const taskId of ['during', 'after']) expect(await history.submit(client, task(taskId))).toBeDefined();
    await until(() => expect(began).toEqual(['during', 'after']));
    await part();

    await history.submit(client, task('refused'));
    expect(history.refusals).toEqual(['BUS_UNCONFIRMED']);
    const others = await agent(elsewhere, async function* (prompt) {
      yield { kind: 'output', data: `${prompt}, at the new one` };
    }, { identity: 'others', concurrency: 2 });
    await until(() => expect(others.results.map(({ taskId }) => taskId).toSorted()).toEqual(['after', 'during']));
    during.open(); // it is settled at the old one, which nobody will remember
    await until(() => expect(pinned.notices.map(({ type }) => type)).toContain('bus.unconfirmed'));

    await heal();
    after.open();
    await until(() => expect(pinned.notices.map(({ type }) => type)).toContain('bus.lease_lost'));
    expect(cutOff.results.map(({ taskId }) => taskId)).toEqual(['during']);
    await until(async () => expect(await history.submit(client, task('refused'))).toBeDefined());
    await until(async () => expect((await elsewhere.inspect('results')).length).toBe(3));
    const { outcomes, open } = await history.check(redis, streamPrefix);
    expect(open.size).toBe(0);
    for (const taskId of ['during', 'after']) expect(outcomes.get(taskId)).toMatchObject([{ responseText: `${taskId}, at the new one` }]);
    expect(outcomes.get('refused')).toHaveLength(1);
  });

  it('standard: what the old one accepts is lost with it, is reported by id, handed in again, and done', async () => {
    const { pinned, elsewhere, redis, streamPrefix, part, heal } = await split({});
    const history = new TaskHistory();
    const outbox = await TaskOutbox.open({ journal: new InMemoryJournal({ clock, createId }) });
    const client = openClient(pinned, { outbox, onLost: ({ taskId }) => void history.reportedLost.add(taskId) }, { lookEveryMs: 300 });
    const echo: ExecuteTask = async function* (prompt) {
      yield { kind: 'output', data: prompt };
    };
    await history.listen(client);
    await history.submit(client, task('before'));
    await part();
    for (const taskId of ['a', 'b', 'c']) expect(await history.submit(client, task(taskId))).toBeDefined();
    await agent(elsewhere, echo, { identity: 'others' });
    await heal();
    await until(() => expect(history.reportedLost).toEqual(new Set(['a', 'b', 'c'])));
    await until(() => expect(new Set(history.told.keys())).toEqual(history.accepted));
    expect((await history.check(redis, streamPrefix)).open.size).toBe(0);
  });
});
