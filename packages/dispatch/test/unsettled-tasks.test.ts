import { InMemoryJournal } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { TaskLedger } from '../src/index.ts';
import { agent, buses, clock, createId, echo, freshPrefix, gate, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';

const task = (taskId: string) => ({ taskId, messageId: taskId, text: taskId, domain: 'eng' });

describe.skipIf(redisUrl === '')('a task whose result finds no place', { timeout: 30_000 }, () => {
  // Weakness 4: what failed on the way out was acknowledged away. Here it stayed with a process that lived, whose lease therefore never ran out, and held a place for good.
  it('is given back, and holds up nothing', async () => {
    const streamPrefix = freshPrefix();
    const bus = openRedisBus({ streamPrefix });
    const redis = rawClient();
    await redis.set(`${streamPrefix}:results`, 'this is no stream');
    const began: string[] = [];
    await agent(bus, async function* (prompt) {
      began.push(prompt);
      yield { kind: 'output', data: prompt };
    }, { concurrency: 1 });
    const client = openClient(bus);
    const submitted = [await client.submit(task('a')), await client.submit(task('b'))];
    await until(() => expect(new Set(began)).toEqual(new Set(['a', 'b'])));
    await redis.del(`${streamPrefix}:results`);
    await until(async () => {
      for (const each of submitted) expect(await client.find(each)).toMatchObject({ status: 'success', attempts: 1 });
    });
  });
});

describe.skipIf(redisUrl === '')('tasks whose group of agents is removed from Redis', { timeout: 30_000 }, () => {
  // Weakness 15 (E45): all that had been answered, and was still on the stream, was answered again.
  it('are not worked on again when they have their outcome', async () => {
    const streamPrefix = freshPrefix();
    const bus = openRedisBus({ streamPrefix });
    const began: string[] = [];
    await agent(bus, async function* (prompt) {
      began.push(prompt);
      yield { kind: 'output', data: prompt };
    }, { concurrency: 5 });
    const client = openClient(bus);
    const before = Array.from({ length: 50 }, (_, index) => `before-${index}`);
    for (const submitted of await Promise.all(before.map((taskId) => client.submit(task(taskId))))) await client.waitFor(submitted);
    await rawClient().xgroup('DESTROY', `${streamPrefix}:tasks:eng`, 'cortex-agents');
    expect(await client.waitFor(await client.submit(task('after')))).toMatchObject({ status: 'success', attempts: 1 });
    await until(async () => expect((await bus.inspect('tasks:eng')).groups[0]).toMatchObject({ pending: 0, waiting: 0 }));
    expect(began.toSorted()).toEqual([...before, 'after'].toSorted());
    expect((await bus.inspect('results')).length).toBe(51);
  });
});

// D16: the same task is one task for as long as it lives, and for the window after that.
describe.each(['memory', 'Redis'] as const)('a task over %s whose agent takes longer than ids are remembered', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  test('is the same task until it has its outcome, however often it is handed in', { timeout: 30_000 }, async () => {
    const open = buses[kind]();
    const config = { dedupWindowMs: 1_500, leaseMs: 150, sweepMs: 50 };
    const held = gate();
    let runs = 0;
    await agent(open(config), async function* () {
      runs += 1;
      await held.opened;
      yield { kind: 'output', data: `run ${runs}` };
    });
    const client = openClient(open(config));
    const first = await client.submit(task('long'));
    await until(() => expect(runs).toBe(1));
    const startedAt = clock.monotonic();
    while (clock.monotonic() - startedAt < 2_500) {
      expect((await client.submit(task('long'))).msgId).toBe(first.msgId);
      await new Promise((resolve) => setImmediate(resolve));
    }
    held.open();
    expect(await client.waitFor(first)).toMatchObject({ responseText: 'run 1' });
    expect((await open(config).inspect('tasks:eng')).length).toBe(1);
    expect((await open(config).inspect('results')).length).toBe(1);
    // The window has passed since it was handed in, so the id is free again: handing it in now is new work.
    await until(async () => expect((await client.submit(task('long'))).msgId).not.toBe(first.msgId));
    await until(async () => expect((await open(config).inspect('results')).length).toBe(2));
    expect(runs).toBe(2);
  });
});

describe.each(['memory', 'Redis'] as const)('an agent over %s whose journal has failed', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  // J4: whatever it did after that, it would do without a trace, and again.
  test('takes no more tasks, says so, and leaves them to others', async () => {
    const open = buses[kind]();
    const journal = new InMemoryJournal({ clock, createId });
    const ledger = await TaskLedger.open({ journal, clock }, 'tasks:broken');
    await journal.close();
    const began: string[] = [];
    const broken = await agent(open(), async function* (prompt) {
      began.push(prompt);
      yield { kind: 'output', data: prompt };
    }, { identity: 'broken', concurrency: 4 }, { ledger });
    const client = openClient(open());
    const first = await client.submit(task('a'));
    await until(async () => expect(await broken.health()).toMatchObject({ ok: false, error: expect.stringContaining('outcomes can not be recorded') as string }));
    expect(began).toEqual(['a']);
    const rest = [await client.submit(task('b')), await client.submit(task('c'))];
    await agent(open(), echo, { identity: 'other' });
    for (const each of [first, ...rest]) expect(await client.waitFor(each)).toMatchObject({ status: 'success', agent: 'other' });
    expect(began).toEqual(['a']);
  });
});
