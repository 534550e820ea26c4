import { redisServer } from '@cortex-runtime/bus/testing/servers';
import { describe, expect, it, onTestFinished } from 'vitest';

import { BusChannel, ChannelRelay, TaskDispatcher, type TaskDispatcherDependencies } from '../src/index.ts';
import { RedisAgentRegistry, RedisResponseTracker, RedisThreadAffinity } from '../src/redis/index.ts';
import { startProgram } from './support/child-program.ts';
import { freshKeyspace } from './support/fresh-keyspace.ts';
import { call, follow, openHttp, readRoom } from './support/http.ts';
import { agent, buses, clock, conductor, echo, openClient, openRedisBus, random, rawClient, redisUrl, until } from './support/mesh.ts';

/** A conductor with an HTTP channel, which agents elsewhere reach over Redis. */
async function openConductor(url = redisUrl, keyspace = freshKeyspace(), deps: Partial<TaskDispatcherDependencies> = {}) {
  const opened = await openHttp();
  const redis = rawClient(url);
  const bus = openRedisBus({ url, streamPrefix: keyspace.streamPrefix, operationTimeoutMs: 1_000, socketTimeoutMs: 500 });
  const relay = new ChannelRelay({ bus, channel: opened.channel, clock, random });
  await relay.start();
  onTestFinished(() => relay.stop());
  const shared = { redis, clock, keyspace };
  const options = { commandTimeoutMs: 500 };
  const registry = new RedisAgentRegistry(shared, options);
  const dispatcher = new TaskDispatcher({
    client: openClient(bus), clock, random, channel: opened.channel, registry,
    responseTracker: new RedisResponseTracker(shared, options), threadAffinity: new RedisThreadAffinity(shared, options), ...deps,
  });
  await opened.channel.listen((message) => dispatcher.dispatch(message));
  return { ...opened, keyspace, bus, registry, say: (text: string, more: object = {}) => opened.post({ text, sender_id: 'u1', sender: 'Ann', domain: 'eng', ...more }) };
}

const messageOf = (events: readonly { event: string; data: Record<string, unknown> }[]) => events.filter(({ event }) => event === 'message').map(({ data }) => data['text']);

describe.each(['memory', 'Redis'] as const)('a conversation over HTTP, on %s', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  test('goes from the message to the answer, which is shown as it is made', async () => {
    const open = buses[kind]();
    const http = await openHttp();
    const { dispatcher } = await conductor(open(), ['forge'], { channel: http.channel });
    await agent(open(), echo, {}, { channel: http.channel });
    await http.channel.listen((message) => dispatcher.dispatch(message));
    const stream = await http.follow();
    const body = { text: '@Forge hello', sender_id: 'u1', message_id: 'm-1', thread_id: 't-1' };
    const answered = await http.post(body);
    expect(answered).toMatchObject({ status: 202, body: { message_id: 'm-1', agent: 'forge', domain: 'personal', is_duplicate: false } });
    while (readRoom(stream.events).reactions.at(-1) !== 'white_check_mark') await stream.next();
    expect(readRoom(stream.events)).toEqual({ answers: [{ agent: 'forge', text: 'echo: @Forge hello' }], reactions: ['eyes', 'hourglass_flowing_sand', 'white_check_mark'] });
    const answer = stream.events.find(({ event }) => event === 'message');
    expect(answer?.data).toMatchObject({ reply_id: answered.body['task_id'], thread_id: 't-1' });
    expect(await http.post(body)).toMatchObject({ status: 202, body: { task_id: answered.body['task_id'], is_duplicate: true } });
    expect(await http.post({ ...body, text: 'something else' })).toMatchObject({ status: 409, body: { error: { code: 'DISPATCH_CONFLICT' } } });
    expect(await http.post({ text: 'hello', sender_id: 'u1', domain: 'nowhere' })).toMatchObject({ status: 404, body: { error: { code: 'NOBODY_THERE' } } });
    expect(await http.post({ text: 'hello', sender_id: 'u1', domain: 'no name' })).toMatchObject({ status: 422, body: { error: { fields: ['domain'] } } });
  });

  test('goes through the bus where the agent has no channel of its own', async () => {
    const open = buses[kind]();
    const http = await openHttp();
    const bus = open();
    const { dispatcher } = await conductor(bus, ['forge'], { channel: http.channel });
    const relay = new ChannelRelay({ bus, channel: http.channel, clock, random });
    await relay.start();
    onTestFinished(() => relay.stop());
    await agent(open(), echo, { concurrency: 10 }, { channel: new BusChannel({ bus: open(), clock }, 'other') });
    await http.channel.listen((message) => dispatcher.dispatch(message));
    const stream = await http.follow();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => http.post({ text: `hello ${index}`, sender_id: 'u1', domain: 'eng' })));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    while (messageOf(stream.events).length < 20) await stream.next();
    expect(messageOf(stream.events).toSorted()).toEqual(Array.from({ length: 20 }, (_, index) => `echo: hello ${index}`).toSorted());
    expect(readRoom(stream.events).answers).toHaveLength(20);
  });
});

describe.skipIf(redisUrl === '')('an agent in a process of its own', { timeout: 60_000 }, () => {
  const start = (orgId: string | undefined, identity: string, more: object = {}) => startProgram('agent-program.ts', 'answerTasks', { url: redisUrl, orgId, identity, ...more });

  it('answers on the channel of the conductor, once', async () => {
    const { keyspace, url, say } = await openConductor();
    const forge = await start(keyspace.orgId, 'forge');
    expect(await forge.nextLine()).toBe('ready');
    const first = await say('hello', { message_id: 'm-1', thread_id: 't-1' });
    expect(first).toMatchObject({ status: 202, body: { agent: 'forge', is_duplicate: false } });
    const stream = await follow(url, 'lobby', String(first.body['last_event_id']));
    while (messageOf(stream.events).length === 0) await stream.next();
    expect(readRoom(stream.events).answers).toEqual([{ agent: 'forge', text: 'forge (attempt 1) says: hello' }]);
    expect(await say('hello', { message_id: 'm-1', thread_id: 't-1' })).toMatchObject({ status: 202, body: { task_id: first.body['task_id'], is_duplicate: true } });
    const next = await say('and now without a name', { thread_id: 't-1', domain: 'elsewhere' });
    expect(next).toMatchObject({ status: 202, body: { agent: 'forge' } });
    while (messageOf(stream.events).length < 2) await stream.next();
    expect(messageOf(stream.events)).toEqual(['forge (attempt 1) says: hello', 'forge (attempt 1) says: and now without a name']);
  });

  it('is followed by another one when it is killed in the middle of its answer, which is shown once', async () => {
    const { keyspace, registry, say, follow: open } = await openConductor();
    const first = await start(keyspace.orgId, 'forge', { hangsAt: 'dangerous' });
    expect(await first.nextLine()).toBe('ready');
    const stream = await open();
    expect((await say('dangerous', { mentions: ['forge'] })).status).toBe(202);
    expect(await first.nextLine()).toBe('hanging');
    while (readRoom(stream.events).answers.length === 0) await stream.next();
    expect(readRoom(stream.events).answers).toEqual([{ agent: 'forge', text: 'forge (attempt 1) ' }]);
    first.child.kill('SIGKILL');
    const second = await start(keyspace.orgId, 'forge');
    expect(await second.nextLine()).toBe('ready');
    while (messageOf(stream.events).length === 0) await stream.next();
    expect(readRoom(stream.events).answers).toEqual([{ agent: 'forge', text: 'forge (attempt 2) says: dangerous' }]);
    await until(async () => expect((await registry.get('forge'))?.instances).toHaveLength(1));
  });
});

describe.skipIf(redisUrl === '')('a conductor whose Redis is away', { timeout: 60_000 }, () => {
  it('asks to come again, and takes the same message once when it is back', async () => {
    const server = await redisServer({ args: ['--appendfsync', 'always'] });
    onTestFinished(() => server.stop());
    const { url, registry, say, bus } = await openConductor(server.url);
    await registry.announce({ instanceId: 'p1', ttlMs: 60_000, agents: [{ card: { name: 'forge', domains: ['eng'], primaryFor: [], description: '', capabilities: [] }, activeTasks: 0 }] });
    expect((await say('before', { message_id: 'm-0' })).status).toBe(202);
    await server.kill();
    const refused = await say('hello', { message_id: 'm-1' });
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'DISPATCH_STORE' } } });
    expect(refused.headers.get('retry-after')).toBe('2');
    expect((await call(url, 'GET', '/health')).status).toBe(200);
    await server.restart();
    const taken = await until(async () => {
      const answered = await say('hello', { message_id: 'm-1' });
      expect(answered.status).toBe(202);
      return answered;
    });
    expect(await say('hello', { message_id: 'm-1' })).toMatchObject({ status: 202, body: { task_id: taken.body['task_id'], is_duplicate: true } });
    expect((await bus.inspect('tasks:eng')).length).toBe(2);
  });
});
