import type { Redis } from 'ioredis';
import { expect } from 'vitest';

import { AGENTS_GROUP, readTaskPayload, readTaskResult, RESULTS_STREAM, type Destination, type NewTask, type SubmittedTask, type TaskClient, type TaskResult } from '../../src/index.ts';

/** What the server has of each task at the end. */
export interface TaskFates {
  /** Recorded outcomes, by task. */
  outcomes: Map<string, TaskResult[]>;
  /** Tasks that somebody has still to work on. */
  open: Set<string>;
  deadLetters: Set<string>;
}

/** What a test has handed in and was told, to be held against what the server has: nothing is lost that was not reported, nothing has two outcomes, nothing comes from nowhere. */
export class TaskHistory {
  readonly tried = new Set<string>();
  readonly accepted = new Set<string>();
  readonly reportedLost = new Set<string>();
  /** Codes of the errors with which submits were refused. */
  readonly refusals: string[] = [];
  /** Outcomes that the submitter was told, by task: ids of their entries, in the order in which they came. */
  readonly told = new Map<string, string[]>();

  /** Tasks of which two outcomes were told. */
  get toldTwice(): string[] {
    return [...this.told].filter(([, results]) => results.length > 1).map(([taskId]) => taskId);
  }

  /** Reads results as a submitter does, until the client is closed. */
  async listen(client: TaskClient): Promise<void> {
    await client.onResult(({ taskId }, { msgId }) => {
      const known = this.told.get(taskId) ?? [];
      if (!known.includes(msgId)) this.told.set(taskId, [...known, msgId]);
    }, { group: 'submitter' });
  }

  /** Hands it in, and remembers what was said to that; undefined when it was refused. */
  async submit(client: TaskClient, task: NewTask & { taskId: string }, destination: Destination = {}): Promise<SubmittedTask | undefined> {
    this.tried.add(task.taskId);
    try {
      const submitted = await client.submit(task, destination);
      this.accepted.add(task.taskId);
      return submitted;
    } catch (error) {
      this.refusals.push((error as { code?: string }).code ?? String(error));
      return undefined;
    }
  }

  /** What the server has of a task, for people who look for it. */
  static async describe(redis: Redis, streamPrefix: string, taskId: string): Promise<string> {
    const { outcomes, open, deadLetters } = await readFates(redis, streamPrefix);
    return `${taskId}: ${outcomes.get(taskId)?.length ?? 0} outcomes${open.has(taskId) ? ', open' : ''}${deadLetters.has(taskId) ? ', dead letter' : ''}`;
  }

  /** The history check of the test catalogue. */
  async check(redis: Redis, streamPrefix: string): Promise<TaskFates> {
    const fates = await readFates(redis, streamPrefix);
    const { outcomes, open, deadLetters } = fates;
    expect([...outcomes].filter(([, results]) => results.length > 1).map(([taskId]) => taskId), 'tasks with more than one outcome').toEqual([]);
    expect([...outcomes.keys(), ...open, ...deadLetters].filter((taskId) => !this.tried.has(taskId)), 'tasks that nobody handed in').toEqual([]);
    const isAccountedFor = (taskId: string) => outcomes.has(taskId) || open.has(taskId) || deadLetters.has(taskId) || this.told.has(taskId) || this.reportedLost.has(taskId);
    expect([...this.accepted].filter((taskId) => !isAccountedFor(taskId)), 'accepted tasks of which there is no trace').toEqual([]);
    return fates;
  }
}

async function readFates(redis: Redis, streamPrefix: string): Promise<TaskFates> {
  const fates: TaskFates = { outcomes: new Map(), open: new Set(), deadLetters: new Set() };
  for (const payload of await payloadsOf(redis, `${streamPrefix}:${RESULTS_STREAM}`)) {
    const result = readTaskResult(JSON.parse(payload));
    fates.outcomes.set(result.taskId, [...(fates.outcomes.get(result.taskId) ?? []), result]);
  }
  for (const key of await redis.keys(`${streamPrefix}:tasks:*`)) {
    for (const payload of await openPayloadsOf(redis, key)) fates.open.add(readTaskPayload(JSON.parse(payload)).taskId);
    for (const payload of await payloadsOf(redis, `{${key}}:dead`)) fates.deadLetters.add(readTaskPayload(JSON.parse(payload)).taskId);
  }
  return fates;
}

async function payloadsOf(redis: Redis, key: string, from = '-', to = '+'): Promise<string[]> {
  return (await redis.xrange(key, from, to)).map(([, fields]) => fields[fields.indexOf('payload') + 1] ?? '');
}

/** Not delivered yet, or delivered and not settled. */
async function openPayloadsOf(redis: Redis, key: string): Promise<string[]> {
  const groups = (await redis.xinfo('GROUPS', key)) as (string | number)[][];
  const group = groups.find((each) => each[each.indexOf('name') + 1] === AGENTS_GROUP);
  if (group === undefined) return payloadsOf(redis, key);
  const waiting = await payloadsOf(redis, key, `(${group[group.indexOf('last-delivered-id') + 1]}`);
  const pending = (await redis.xpending(key, AGENTS_GROUP, '-', '+', 100_000)) as [string][];
  const held = await Promise.all(pending.map(([msgId]) => payloadsOf(redis, key, msgId, msgId)));
  return [...waiting, ...held.flat()];
}
