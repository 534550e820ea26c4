import { sleep } from '@cortex-runtime/core';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';

import { AGENTS_GROUP } from '../src/index.ts';
import { choices, isChaos } from './support/chaos.ts';
import { agent, clock, echo, freshPrefix, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';
import { TaskHistory } from './support/task-history.ts';
import { startWorker, type Worker } from './support/worker.ts';

/** A lease that outlasts the test: what one worker had and another does was handed back. */
const timing = { leaseMs: 60_000, claimIdleMs: 60_000, sweepMs: 100 };
const [most, rounds] = isChaos ? [8, 5] : [4, 1];
const { below } = choices();

/** Consumers of the group on a stream that are not the bus's own, with what each holds. */
async function consumersOf(redis: Redis, key: string): Promise<number[]> {
  const rows = (await redis.xinfo('CONSUMERS', key, AGENTS_GROUP)) as (string | number)[][];
  const read = (row: (string | number)[], field: string) => row[row.indexOf(field) + 1];
  return rows.filter((row) => read(row, 'name') !== '~parked').map((row) => Number(read(row, 'pending')));
}

// D18
describe.skipIf(redisUrl === '')('workers that come and go', { timeout: isChaos ? 300_000 : 60_000 }, () => {
  it('hand back at once what they have when they are told to end, and nothing is lost, done twice, or counted as an attempt', async () => {
    const streamPrefix = freshPrefix();
    const client = openClient(openRedisBus({ streamPrefix, ...timing }));
    const redis = rawClient();
    const history = new TaskHistory();
    await history.listen(client);
    let isOver = false;
    const producing = (async () => {
      for (let index = 0; !isOver; ) {
        if (history.accepted.size - history.told.size < 60) {
          await history.submit(client, { taskId: `t${index}`, messageId: 'm', text: 'work', domain: 'eng' });
          index += 1;
        } else await sleep(clock, 5);
      }
    })();

    const workers: Worker[] = [];
    const start = async () => workers.push(await startWorker({ bus: { url: redisUrl, streamPrefix, ...timing }, consumer: { identity: 'forge', domains: ['eng'], concurrency: 4, resultsKept: 20_000 }, workMs: 40 }));
    const end = async () => {
      const [worker] = workers.splice(below(workers.length), 1);
      worker?.child.kill('SIGTERM');
      await worker?.ended;
      expect(worker?.child.exitCode).toBe(0);
    };
    const isWorking = async () => {
      const before = history.told.size;
      await until(() => expect(history.told.size).toBeGreaterThan(before + 20));
    };
    await start();
    for (let round = 0; round < rounds; round += 1) {
      while (workers.length < most) await Promise.all([start(), isWorking()]);
      await Promise.all([end(), start()]); // a deployment
      while (workers.length > 1) {
        await isWorking();
        await end();
      }
    }
    await isWorking();
    isOver = true;
    await producing;
    await until(() => expect([...history.accepted].filter((taskId) => !history.told.has(taskId))).toEqual([]));
    const { outcomes, open } = await history.check(redis, streamPrefix);
    expect([open.size, outcomes.size]).toEqual([0, history.accepted.size]);
    expect([...outcomes.values()].flat().filter(({ attempts }) => attempts !== 1)).toEqual([]);
    // Who has ended is gone from the group, and whoever is left holds nothing.
    await until(async () => expect(await consumersOf(redis, `${streamPrefix}:tasks:eng`)).toEqual([0]));
  });

  it('a task of an hour goes to another worker when its own is told to end, and not when its lease has run out', async () => {
    const streamPrefix = freshPrefix();
    const bus = openRedisBus({ streamPrefix, ...timing });
    const history = new TaskHistory();
    await history.submit(openClient(bus), { taskId: 't', messageId: 'm', text: 'long', domain: 'eng' });
    const worker = await startWorker({ bus: { url: redisUrl, streamPrefix, ...timing }, consumer: { identity: 'forge', domains: ['eng'] }, workMs: 3_600_000 });
    await worker.says('began t 1');
    const another = await agent(openRedisBus({ streamPrefix, ...timing }), echo, { identity: 'another' });
    worker.child.kill('SIGTERM');
    await until(() => expect(another.results).toMatchObject([{ taskId: 't', status: 'success', attempts: 1 }]));
    await worker.ended;
    await history.check(rawClient(), streamPrefix);
  });
});
