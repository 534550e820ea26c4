import { MemoryEventBus, type EventBus } from '@cortex-runtime/bus';
import { RedisEventBus } from '@cortex-runtime/bus/redis';
import { InvalidInputError, type JsonObject } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import { EventFeeds, InMemoryThreadAffinity, MessageTopics, TaskReplies, TaskSource, type JournaledOutcome, type MessageOfTopic, type TaskOffer } from '../src/index.ts';
import { buses, clock, freshPrefix, openClient, random, redisUrl, until } from './support/mesh.ts';
import { RecordingChannel } from './support/recording-channel.ts';

const eventBuses: Record<'memory' | 'Redis', () => EventBus> = {
  memory: () => new MemoryEventBus({ clock, random }),
  Redis: () => new RedisEventBus({ clock, random }, { url: redisUrl, streamPrefix: freshPrefix(), blockMs: 100 }),
};

const outcome = (offer: TaskOffer, more: Partial<JournaledOutcome> = {}): JournaledOutcome => ({
  agent: 'forge', replyTo: offer.replyTo, status: 'completed', text: 'done\n[DISCOVERY] it works', error: null, attempts: 1, durationMs: 1_200, usage: { inputTokens: 10, outputTokens: 5 }, cost: 0.01, turns: 2, ...more,
});

describe.each(['memory', 'Redis'] as const)('agents with journals of their own over %s', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  /** An agent that takes what it is offered. */
  async function forge(bus: ReturnType<ReturnType<(typeof buses)['memory']>>, answer: (offer: TaskOffer) => Promise<'accepted' | 'duplicate' | 'filtered'> = () => Promise.resolve('accepted'), places = 8) {
    const offers: TaskOffer[] = [];
    const feed = await new TaskSource({ bus, clock, random }).subscribe({ name: 'forge', domains: ['eng'], primaryFor: [], places }, async (offer) => {
      offers.push(offer);
      return answer(offer);
    });
    onTestFinished(() => feed.stop());
    return { offers, feed };
  }

  test('take a task when their journal has it, and answer it later, once, however often they say so', async () => {
    const open = buses[kind]();
    const bus = open();
    const channel = new RecordingChannel();
    const affinity = new InMemoryThreadAffinity({ clock });
    const { offers } = await forge(bus);
    const client = openClient(bus);
    const task = await client.submit({ messageId: 'm1', text: 'build it', sender: 'Ada', senderId: 'u1', domain: 'eng', roomId: 'R', threadId: 'T', metadata: { channel: 'web' } });
    await until(() => expect(offers).toHaveLength(1));
    expect(offers[0]?.payload).toEqual({ task_id: task.taskId, text: 'build it', channel: 'web', message_id: 'm1', thread_id: 'T', sender: 'Ada', sender_id: 'u1', domain: 'eng' });
    await until(async () => expect((await bus.inspect('tasks:eng')).groups.every(({ pending }) => pending === 0)).toBe(true));
    expect(await client.find(task)).toBeUndefined();

    const replies = new TaskReplies({ bus, clock, random, channel, threadAffinity: affinity });
    const said = outcome(offers[0] as TaskOffer);
    await Promise.all([replies.reply(said), replies.reply(said)]);
    await replies.reply({ ...said, text: 'something else' });
    expect(await client.waitFor(task)).toMatchObject({
      status: 'success', agent: 'forge', responseText: 'done\n[DISCOVERY] it works', discoveries: ['it works'], durationSeconds: 1.2, costUsd: 0.01, numTurns: 2, inputTokens: 10, outputTokens: 5, attempts: 1, replyDelivered: true,
    });
    expect((await bus.inspect('results')).length).toBe(1);
    expect(await affinity.getAgent('T')).toBe('forge');
    expect(channel.targets[0]).toMatchObject({ channel: 'web', threadId: 'T', replyId: task.taskId });
  });

  test('give back what they can not take now, and tell whoever asked what they will not take', async () => {
    const open = buses[kind]();
    const bus = open();
    let refusals = 2;
    const { offers } = await forge(bus, async ({ payload }) => {
      if (payload['text'] === 'no') return 'filtered';
      if (refusals-- > 0) throw new Error('the journal is full');
      return 'accepted';
    });
    const client = openClient(bus);
    const declined = await client.submit({ messageId: 'm2', text: 'no', domain: 'eng' });
    expect(await client.waitFor(declined)).toMatchObject({ status: 'failure', errorCode: 'DISPATCH_REFUSED', agent: 'forge' });
    await client.submit({ messageId: 'm1', text: 'yes', domain: 'eng' });
    await until(() => expect(offers.filter(({ payload }) => payload['text'] === 'yes')).toHaveLength(3));
    expect(await bus.deadLetters('tasks:eng')).toHaveLength(1);
  });

  test('take no more than they can begin, and what is no task goes to the dead letters with a result', async () => {
    const open = buses[kind]();
    const bus = open();
    const { offers, feed } = await forge(bus, undefined, 2);
    const client = openClient(bus);
    feed.limit(0);
    for (let n = 0; n < 5; n += 1) await client.submit({ messageId: `m${n}`, text: `${n}`, domain: 'eng' });
    await bus.publish('tasks:eng', '{"task_id":"broken"}');
    const before = offers.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(offers).toHaveLength(before);
    feed.limit(2);
    await until(() => expect(offers).toHaveLength(5));
    await until(async () => expect(await bus.deadLetters('tasks:eng')).toHaveLength(1));
    expect(await client.find({ taskId: 'broken', stream: 'tasks:eng' })).toBeUndefined();
  });

  test('say that they failed or were cancelled, and give the channel nothing then', async () => {
    const open = buses[kind]();
    const bus = open();
    const channel = new RecordingChannel();
    const { offers } = await forge(bus);
    const client = openClient(bus);
    const tasks = [await client.submit({ messageId: 'm1', text: '1', domain: 'eng', roomId: 'R' }), await client.submit({ messageId: 'm2', text: '2', domain: 'eng', roomId: 'R' })];
    await until(() => expect(offers).toHaveLength(2));
    const replies = new TaskReplies({ bus, clock, random, channel });
    const byText = (text: string) => offers.find(({ payload }) => payload['text'] === text) as TaskOffer;
    await replies.reply(outcome(byText('1'), { status: 'failed', text: null, error: 'the model is gone', attempts: 4 }));
    await replies.reply(outcome(byText('2'), { status: 'cancelled', text: null, error: 'cancelled by ada' }));
    expect(await client.waitFor(tasks[0] as (typeof tasks)[0])).toMatchObject({ status: 'failure', errorCode: 'DISPATCH_GIVEN_UP', error: 'the model is gone', attempts: 4, responseText: null });
    expect(await client.waitFor(tasks[1] as (typeof tasks)[0])).toMatchObject({ status: 'failure', errorCode: 'DISPATCH_CANCELLED', error: 'cancelled by ada' });
    expect(channel.sent).toEqual([]);
    await until(() => expect(channel.calls.filter((call) => call === '+x')).toHaveLength(2));
    await expect(replies.reply(outcome({ ...byText('1'), replyTo: { kind: 'task' } }))).rejects.toMatchObject({ code: 'DOCUMENT_INVALID' });
  });

  test('read topics: each subscriber everything, once taken; what is no message goes to the dead letters', async () => {
    const open = buses[kind]();
    const bus = open();
    const topics = new MessageTopics({ bus, clock, random });
    const seen: Record<string, MessageOfTopic[]> = { one: [], two: [] };
    let refusals = 1;
    await topics.publish('news', { content: 'before anybody listens', sender: 's' });
    const ends = await Promise.all(['one', 'two'].map((name) =>
      topics.subscribe('news', async (message) => {
        if (name === 'two' && refusals-- > 0) throw new Error('not now');
        seen[name]?.push(message);
      }, name)));
    onTestFinished(async () => { await Promise.all(ends.map((end) => end())); });
    await topics.publish('news', { content: { n: 1 }, sender: 'desk', session: { channel: 'web' }, cause: ['a', 'b'], messageId: 'same' });
    await topics.publish('news', { content: { n: 1 }, sender: 'desk', session: { channel: 'web' }, cause: ['a', 'b'], messageId: 'same' });
    await bus.publish('topic:news', 'no message');
    for (const name of ['one', 'two']) await until(() => expect(seen[name]).toMatchObject([{ topic: 'news', sender: 'desk', content: { n: 1 }, session: { channel: 'web' }, cause: ['a', 'b'] }]));
    await until(async () => expect(await bus.deadLetters('topic:news')).toHaveLength(2));
    await expect(topics.publish('no topic', { content: 1, sender: 's' })).rejects.toBeInstanceOf(InvalidInputError);
    await expect(topics.publish('news', { content: Number.NaN, sender: 's' })).rejects.toBeInstanceOf(InvalidInputError);
    await expect(topics.subscribe('no topic', async () => {})).rejects.toBeInstanceOf(InvalidInputError);
  });

  test('offer an event until it is taken, in order, also those from before', async () => {
    const bus = eventBuses[kind]();
    onTestFinished(() => bus.close());
    const feeds = new EventFeeds({ bus, clock, random });
    await bus.subscribe('*', () => {}); // so that the bus looks from here on
    const since = clock.now() - 1;
    const seen: JsonObject[] = [];
    for (let n = 0; n < 3; n += 1) await bus.publish('order.paid', { n }, { source: 'shop' });
    let refusals = 2;
    const end = await feeds.subscribe('order.*', async ({ data }) => {
      if (refusals-- > 0) throw new Error('not now');
      seen.push(data as JsonObject);
    }, { source: 'shop', since });
    await bus.publish('order.paid', { n: 3 }, { source: 'shop' });
    await until(() => expect(seen).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]));
    await end();
    await bus.publish('order.paid', { n: 4 }, { source: 'shop' });
    await expect(feeds.subscribe('no event', async () => {})).rejects.toBeInstanceOf(InvalidInputError);
    expect(seen).toHaveLength(4);
  });
});
