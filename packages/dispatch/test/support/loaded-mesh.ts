import type { BusNotice } from '@cortex-runtime/bus';
import type { BusConfig } from '@cortex-runtime/bus/config';
import { sleep } from '@cortex-runtime/core';
import { InMemoryJournal } from '@cortex-runtime/journal';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';

import { RESULTS_STREAM, TaskOutbox, type ExecuteTask, type TaskClient } from '../../src/index.ts';
import { agent, clock, createId, freshPrefix, openClient, openRedisBus, until } from './mesh.ts';
import { TaskHistory } from './task-history.ts';

export interface LoadedMeshOptions {
  /** Where the submitter finds its server. */
  submitter: string;
  /** Where each worker finds its own. */
  workers: readonly string[];
  /** Milliseconds that a task takes. */
  workMs?: number;
  config: BusConfig;
  /** Without it the submitter only reports what it was told. */
  hasOutbox: boolean;
}

export interface LoadedMesh {
  readonly history: TaskHistory;
  readonly client: TaskClient;
  readonly streamPrefix: string;
  /** Types of what all its buses have noticed. */
  notices(): Set<BusNotice['type']>;
  /**
   * Hands in `count` tasks, `atOnce` at a time, each again when it was refused; `strike` happens when `at` of them have been accepted, with the rest going on, and more, less
   * quickly, for as long as it lasts. Resolves when all have been handed in, and the strike is over.
   */
  load(options: { count: number; atOnce: number; at: number; strike: () => Promise<void> }): Promise<void>;
  /** Resolves when every task was accepted, and has an outcome that the submitter was told; the history check passes, and nothing is left. */
  everyTaskIsDone(redis: Redis, timeoutMs?: number): Promise<void>;
}

const quick: BusConfig = { leaseMs: 1_000, sweepMs: 200, blockMs: 300 };

/** A submitter and workers on servers that the test breaks under load. What the submitter's bus notices is told to its client, as a host does. */
export async function openLoadedMesh({ submitter, workers, workMs = 0, config, hasOutbox }: LoadedMeshOptions): Promise<LoadedMesh> {
  const streamPrefix = freshPrefix();
  const history = new TaskHistory();
  const listeners: ((notice: BusNotice) => void)[] = [];
  const open = (url: string, onNotice?: (notice: BusNotice) => void) => openRedisBus({ url, streamPrefix, ...quick, ...config }, onNotice);
  const bus = open(submitter, (notice) => listeners.forEach((listener) => listener(notice)));
  const buses = [bus];
  const outbox = hasOutbox ? await TaskOutbox.open({ journal: new InMemoryJournal({ clock, createId }) }) : undefined;
  const client = openClient(bus, outbox === undefined ? {} : { outbox, onLost: ({ taskId }) => void history.reportedLost.add(taskId) }, { lookEveryMs: 2_000 });
  listeners.push((notice) => client.noticed(notice));
  await history.listen(client);
  const work: ExecuteTask = async function* (prompt) {
    if (workMs > 0) await sleep(clock, workMs);
    yield { kind: 'output', data: prompt };
  };
  for (const [index, url] of workers.entries()) {
    const own = open(url);
    buses.push(own);
    await agent(own, work, { identity: `worker-${index}`, concurrency: 8, resultsKept: 20_000 });
  }
  while ((await history.submit(client, { taskId: 'first', messageId: 'first', text: 'first', domain: 'eng' })) === undefined) await sleep(clock, 20);
  await until(() => expect([...history.told.keys()]).toEqual(['first'])); // somebody reads, and what is struck is struck at work
  return {
    history, client, streamPrefix,
    notices: () => new Set(buses.flatMap(({ notices }) => notices.map(({ type }) => type))),
    async load({ count, atOnce, at, strike }) {
      let next = 0;
      let struck: Promise<void> | undefined;
      let isStriking = false;
      const strikeOnce = async () => {
        isStriking = true;
        await strike().finally(() => (isStriking = false));
      };
      const submitEach = async () => {
        while (next < count || isStriking) {
          if (next >= count) await sleep(clock, 20);
          const taskId = `t${next}`;
          next += 1;
          while ((await history.submit(client, { taskId, messageId: taskId, text: taskId, domain: 'eng' })) === undefined) await sleep(clock, 20);
          if (history.accepted.size > at) struck ??= strikeOnce();
        }
      };
      await Promise.all(Array.from({ length: atOnce }, submitEach));
      await struck;
    },
    async everyTaskIsDone(redis, timeoutMs = 45_000) {
      const missing = () => [...history.tried].filter((taskId) => !history.accepted.has(taskId) || !history.told.has(taskId));
      try {
        await until(() => expect(missing()).toEqual([]), timeoutMs);
      } catch {
        const some = missing().slice(0, 10);
        const groups = await redis.xinfo('GROUPS', `${streamPrefix}:${RESULTS_STREAM}`);
        expect.fail(`of ${missing().length} tasks no outcome was told: ${(await Promise.all(some.map((taskId) => TaskHistory.describe(redis, streamPrefix, taskId)))).join('; ')}; groups of the results: ${JSON.stringify(groups)}`);
      }
      await until(async () => expect((await history.check(redis, streamPrefix)).open.size).toBe(0));
    },
  };
}
