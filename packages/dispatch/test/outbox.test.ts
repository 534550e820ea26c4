import { InMemoryJournal } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { TaskOutbox, type TaskClientDependencies, type TaskResult } from '../src/index.ts';
import { agent, clock, createId, echo, freshPrefix, gate, openClient, openRedisBus, redisUrl, until } from './support/mesh.ts';
import { ownServer, proxyTo } from './support/servers.ts';

/** A submitter that keeps what it hands in, on a server of its own. */
async function submitter(config: Parameters<typeof openRedisBus>[0] = {}) {
  const server = await ownServer();
  const streamPrefix = freshPrefix();
  const lost: { taskId: string; msgId: string }[] = [];
  const bus = openRedisBus({ url: server.url, streamPrefix, ...config });
  const outbox = await TaskOutbox.open({ journal: new InMemoryJournal({ clock, createId }) });
  const client = openClient(bus, { outbox, onLost: (task) => lost.push(task) } satisfies Partial<TaskClientDependencies>);
  return { server, streamPrefix, bus, outbox, client, lost, open: () => outbox.open().map(({ taskId }) => taskId) };
}

const task = (taskId: string) => ({ taskId, messageId: taskId, text: taskId, domain: 'eng' });

// Promise 6 of the catalogue: what is lost is found, reported, and handed in again.
describe.skipIf(redisUrl === '')('a submitter with an outbox', { timeout: 30_000 }, () => {
  it('hands in again what the server has lost, and is told of it with the id that it had', async () => {
    const { server, bus, client, lost } = await submitter();
    const submitted = [await client.submit(task('a')), await client.submit(task('b'))];
    await server.client().flushall();
    expect(await client.recover()).toEqual(['a', 'b']);
    expect(lost).toEqual(submitted.map(({ taskId, msgId }) => ({ taskId, msgId })));
    expect(await client.recover()).toEqual([]);
    expect((await bus.inspect('tasks:eng')).length).toBe(2);
  });

  it('hands in what the server never got, which was not lost', async () => {
    const { server, client, lost, open } = await submitter({ operationTimeoutMs: 200 });
    await server.kill();
    await expect(client.submit(task('a'))).rejects.toMatchObject({ code: 'BUS_CONNECTION', retryable: true });
    expect(open()).toEqual(['a']);
    await server.restart();
    expect(await client.recover()).toEqual(['a']);
    expect(lost).toEqual([]);
  });

  it('notices a loss when it hands in the next task, though no connection has broken', async () => {
    const { server, streamPrefix, outbox } = await submitter();
    const lost: string[] = [];
    const bus = openRedisBus({ url: server.url, streamPrefix });
    const client = openClient(bus, { outbox, onLost: ({ taskId }) => lost.push(taskId) });
    const noticing = until(() => {
      for (const notice of bus.notices.splice(0)) client.noticed(notice);
      expect(lost).toEqual(['a']);
    });
    await client.submit(task('a'));
    await server.client().flushall();
    await client.submit(task('b'));
    await noticing;
    expect((await bus.inspect('tasks:eng')).length).toBe(2);
  });

  // The notice of a stream that somebody has deleted goes to whoever reads it next.
  it('finds a loss that only another process has noticed', async () => {
    const { server, streamPrefix, outbox } = await submitter();
    const client = openClient(openRedisBus({ url: server.url, streamPrefix }), { outbox }, { lookEveryMs: 300 });
    await client.submit(task('a'));
    await server.client().del(`${streamPrefix}:tasks:eng`);
    const worker = openRedisBus({ url: server.url, streamPrefix, blockMs: 100 });
    const consumer = await agent(worker, echo);
    await until(() => expect(consumer.results).toMatchObject([{ taskId: 'a' }]));
  });

  it('keeps a task until somebody has seen its outcome: the server may lose that too', async () => {
    const { server, bus, client, lost, open } = await submitter();
    const consumer = await agent(bus, echo);
    await client.submit(task('a'));
    await until(() => expect(consumer.results).toHaveLength(1));
    expect(await client.recover()).toEqual([]);
    expect(open()).toEqual(['a']);
    await server.client().flushall();
    expect(await client.recover()).toEqual(['a']);
    expect(lost).toHaveLength(1);
    await until(() => expect(consumer.results).toHaveLength(2));
  });

  it.each(['waited for', 'looked up', 'handled'])('is done with a task when its outcome was %s', async (how) => {
    const { bus, client, open } = await submitter();
    const consumer = await agent(bus, echo);
    const handled: TaskResult[] = [];
    if (how === 'handled') await client.onResult((result) => void handled.push(result), { group: 'submitter' });
    const submitted = await client.submit(task('a'));
    if (how === 'waited for') await client.waitFor(submitted);
    else await until(() => expect(consumer.results).toHaveLength(1));
    if (how === 'looked up') expect(await client.find(submitted)).toMatchObject({ status: 'success' });
    await until(() => expect(open()).toEqual([]));
    if (how === 'handled') expect(handled).toHaveLength(1);
  });

  it('takes a task back again that the server gives out anew', async () => {
    const { server, bus, client, lost } = await submitter();
    await bus.createGroup('tasks:eng', 'cortex-agents');
    const submitted = await client.submit(task('a'));
    expect(await client.cancel(submitted, { by: 'Ann' })).toBe(true);
    await server.client().flushall();
    expect(await client.recover()).toEqual(['a']);
    expect(lost).toHaveLength(1);
    const ran: string[] = [];
    await agent(bus, async function* (prompt) {
      ran.push(prompt);
      yield { kind: 'output', data: 'done' };
    });
    await client.waitFor(await client.submit(task('b')));
    expect(ran).toEqual(['b']);
    expect(await client.find(submitted)).toMatchObject({ errorCode: 'DISPATCH_CANCELLED', error: 'cancelled by Ann' });
  });

  it('one task that is handed in twice at once is one, here and on the server', async () => {
    const { server, bus, client, outbox } = await submitter();
    const twice = await Promise.all(['first', 'second'].map((text) => client.submit({ ...task('a'), text })));
    expect(new Set(twice.map(({ msgId }) => msgId)).size).toBe(1);
    const onBus = await bus.fetch('tasks:eng', twice[0]?.msgId ?? '');
    expect(Buffer.from(onBus?.payload ?? []).toString()).toBe(outbox.find('a')?.payload);
    await server.client().flushall();
    expect(await client.recover()).toEqual(['a']);
  });

  it('one task whose id belongs to somebody else\'s does not keep the others from being handed in again', async () => {
    const { server, streamPrefix, client } = await submitter();
    for (const taskId of ['a', 'b', 'c']) await client.submit(task(taskId));
    await server.client().flushall();
    await openClient(openRedisBus({ url: server.url, streamPrefix })).submit({ ...task('b'), text: 'another' });
    expect(await client.recover()).toEqual(['a', 'c']);
  });

  it('a look for lost tasks whose replies are lost reports none that are there', async () => {
    const { server, streamPrefix, outbox } = await submitter();
    const proxy = await proxyTo(server);
    const lost: string[] = [];
    const client = openClient(openRedisBus({ url: proxy.url, streamPrefix }), { outbox, onLost: ({ taskId }) => lost.push(taskId) });
    for (let index = 0; index < 100; index += 1) await client.submit(task(`t${index}`));
    const { struck } = proxy;
    proxy.when = () => proxy.struck < struck + 3;
    proxy.fault = 'cut-reply';
    expect(await client.recover()).toEqual([]);
    expect(proxy.struck).toBe(struck + 3);
    expect(lost).toEqual([]);
  });
});

describe.skipIf(redisUrl === '')('whoever reads results', { timeout: 30_000 }, () => {
  it('goes on by itself when somebody has repaired what kept it from reading', async () => {
    const server = await ownServer();
    const bus = openRedisBus({ url: server.url, streamPrefix: 'repaired' });
    const client = openClient(bus);
    const results: string[] = [];
    await client.onResult(({ taskId }) => void results.push(taskId), { group: 'conductor' });
    const redis = server.client();
    await redis.set('repaired:results', 'this is no stream');
    const consumer = await agent(bus, echo);
    await client.submit(task('a'));
    await until(async () => expect((await bus.inspect('tasks:eng')).groups[0]?.pending).toBe(1)); // its result finds no place
    await redis.del('repaired:results');
    await until(() => expect(results).toEqual(['a']));
    expect(consumer.results).toHaveLength(1);
  });

  it('holds on to nothing that it could not settle', async () => {
    const server = await ownServer();
    const bus = openRedisBus({ url: server.url, streamPrefix: 'held' });
    const client = openClient(bus);
    const [begun, finish] = [gate(), gate()];
    const handled: string[] = [];
    await client.onResult(async ({ taskId }) => {
      begun.open();
      await finish.opened;
      handled.push(taskId);
    }, { group: 'conductor' });
    await agent(bus, echo);
    await client.submit(task('a'));
    await begun.opened;
    const redis = server.client();
    await redis.rename('held:results', 'held:elsewhere');
    await redis.set('held:results', 'this is no stream');
    finish.open();
    await until(() => expect(handled).toEqual(['a']));
    await until(async () => expect(await redis.info('errorstats')).toMatch(/WRONGTYPE:count=[2-9]/)); // neither settled nor given back
    await redis.rename('held:elsewhere', 'held:results');
    await until(async () => expect((await bus.inspect('results')).groups[0]?.pending).toBe(0));
    expect(handled).toEqual(['a', 'a']);
  });

  it('gets a result again, under the id that it had, until it has handled it', async () => {
    const server = await ownServer();
    const bus = openRedisBus({ url: server.url, streamPrefix: freshPrefix() });
    const client = openClient(bus);
    const seen: string[] = [];
    const handled = gate();
    await client.onResult((_, { msgId }) => {
      seen.push(msgId);
      if (seen.length === 1) throw new Error('the disk is full');
      handled.open();
    }, { group: 'conductor' });
    await agent(bus, echo);
    await client.submit(task('a'));
    await handled.opened;
    expect(new Set(seen).size).toBe(1);
  });
});
