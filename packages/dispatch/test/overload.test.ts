import { sleep } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { isChaos } from './support/chaos.ts';
import { agent, clock, freshPrefix, gate, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';
import { ownServer } from './support/servers.ts';
import { TaskHistory } from './support/task-history.ts';

const timeout = isChaos ? 300_000 : 60_000;

/** Hands in tasks as fast as they are taken, from ten places at once; what is refused is handed in again a moment later. */
async function produce(count: number, submit: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const produceEach = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      while ((await submit(index)) === undefined) await sleep(clock, 20);
    }
  };
  await Promise.all(Array.from({ length: 10 }, produceEach));
}

// D17
describe.skipIf(redisUrl === '')('more tasks than are done', { timeout }, () => {
  it('for one agent: its backlog has an end, whoever hands in more is told to wait, and other agents have all of theirs done meanwhile', async () => {
    const [maxBacklog, hotTasks, others] = isChaos ? [1_000, 20_000, 2_000] : [100, 500, 200];
    const streamPrefix = freshPrefix();
    const bus = openRedisBus({ streamPrefix, maxBacklog });
    const client = openClient(bus);
    const history = new TaskHistory();
    const submitTo = (name: string) => (index: number) => history.submit(client, { taskId: `${name}-${index}`, messageId: 'm', text: 'x' }, { agent: name });
    const othersAreDone = gate();
    const hot = await agent(openRedisBus({ streamPrefix }), async function* () {
      await othersAreDone.opened;
      yield { kind: 'output', data: 'done' };
    }, { identity: 'hot', domains: [], concurrency: 2 });
    let longest = 0;
    const backlog = async () => {
      const { groups: [group] } = await bus.inspect('tasks:agent:hot');
      longest = Math.max(longest, (group?.pending ?? 0) + (group?.waiting ?? 0));
      return longest;
    };

    const producing = produce(hotTasks, submitTo('hot'));
    await until(() => expect(history.refusals.length).toBeGreaterThan(10));
    await until(async () => expect(await backlog()).toBe(maxBacklog));
    const calm = await agent(openRedisBus({ streamPrefix }), async function* () {
      yield { kind: 'output', data: 'done' };
    }, { identity: 'calm', domains: [], concurrency: 2 });
    const refusals = history.refusals.length;
    for (let index = 0; index < others; index += 1) {
      expect(await submitTo('calm')(index), `task ${index} of the other agent`).toBeDefined();
      if (index % 20 === 0) await until(() => expect(calm.results.length).toBeGreaterThan(index - 20));
    }
    await until(() => expect(calm.results).toHaveLength(others));
    // All the time the hot one was at its limit.
    expect([hot.results, history.refusals.length > refusals]).toEqual([[], true]);
    expect(await backlog()).toBe(maxBacklog);
    othersAreDone.open();
    await producing;
    await until(() => expect(hot.results).toHaveLength(hotTasks), timeout - 15_000);
    expect(await backlog()).toBe(maxBacklog);
    expect(new Set(history.refusals)).toEqual(new Set(['BUS_FULL']));
    const { outcomes, open } = await history.check(rawClient(), streamPrefix);
    expect([outcomes.size, open.size]).toEqual([hotTasks + others, 0]);
  });

  // Settled tasks that were worth keeping filled the server for good, and nothing was taken any more.
  it('on a server with little memory: they are refused while it is full, taken when there is room again, and all are done', async () => {
    const count = isChaos ? 20_000 : 1_500;
    const server = await ownServer({ args: ['--maxmemory', '8mb', '--maxmemory-policy', 'noeviction'] });
    const streamPrefix = freshPrefix();
    const client = openClient(openRedisBus({ url: server.url, streamPrefix }));
    const history = new TaskHistory();
    const text = 'x'.repeat(10_000);
    const producing = produce(count, (index) => history.submit(client, { taskId: `t${index}`, messageId: 'm', text, domain: 'eng' }));
    await until(() => expect(history.refusals.length).toBeGreaterThan(0));
    const worker = await agent(openRedisBus({ url: server.url, streamPrefix }), async function* () {
      yield { kind: 'output', data: 'done' };
    }, { concurrency: 8, resultsKept: 20_000 });
    await producing;
    await until(() => expect(worker.results).toHaveLength(count));
    expect(new Set(history.refusals)).toEqual(new Set(['BUS_FULL']));
    const { outcomes, open } = await history.check(server.client(), streamPrefix);
    expect([outcomes.size, open.size]).toEqual([count, 0]);
  });
});
