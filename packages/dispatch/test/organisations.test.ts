import { Keyspace } from '@cortex-runtime/bus';
import { RedisEventBus } from '@cortex-runtime/bus/redis';
import { redisServer } from '@cortex-runtime/bus/testing/servers';
import { SessionManager } from '@cortex-runtime/session';
import { RedisSessionStore } from '@cortex-runtime/session/redis';
import { describe, expect, it, onTestFinished } from 'vitest';

import { AgentPresence, BusChannel, ChannelRelay, ContextRuntime, MessageTopics, TaskDispatcher, type TaskResult } from '../src/index.ts';
import { RedisAgentRegistry, RedisResponseTracker, RedisThreadAffinity } from '../src/redis/index.ts';
import { agent, clock, createId, message, openClient, openRedisBus, random, rawClient, redisUrl, say, until } from './support/mesh.ts';
import { RecordingChannel } from './support/recording-channel.ts';

/** An organisation at work with everything that keeps something in Redis; each of them uses the same names and ids. */
async function open(url: string, orgId: string | undefined) {
  const keyspace = new Keyspace(orgId);
  const name = orgId ?? 'fleet';
  const { streamPrefix } = keyspace;
  const bus = openRedisBus({ url, streamPrefix });
  const redis = rawClient(url);
  const shared = { redis, clock, keyspace };
  const events = new RedisEventBus({ clock, random }, { url, streamPrefix });
  onTestFinished(() => events.close());
  const told: string[] = [];
  await events.subscribe('**', ({ data }) => void told.push(JSON.stringify(data)));
  await events.publish('office.opened', { by: name }, { source: 'test' });
  const topics = new MessageTopics({ bus, clock, random });
  const heard: string[] = [];
  onTestFinished(await topics.subscribe('news', async ({ content }) => void heard.push(String(content)), 'reader'));
  await topics.publish('news', { sender: name, content: `news of ${name}` });
  const sessions = new SessionManager({ store: new RedisSessionStore({ redis }, { keyPrefix: keyspace.sessionPrefix }), clock, random, createId });
  const contextRuntime = new ContextRuntime({ sessions });
  const registry = new RedisAgentRegistry(shared);
  const presence = new AgentPresence({ registry, clock, instanceId: 'p' });
  onTestFinished(() => presence.close());
  const threadAffinity = new RedisThreadAffinity(shared);
  const channel = new RecordingChannel();
  const relay = new ChannelRelay({ bus, channel, clock, random });
  await relay.start();
  onTestFinished(() => relay.stop());
  await agent(bus, say(`answer of ${name}`), {}, { presence, threadAffinity, contextRuntime, events, channel: new BusChannel({ bus, clock }, 'test') });
  const client = openClient(bus);
  const dispatcher = new TaskDispatcher({ client, clock, random, registry, threadAffinity, contextRuntime, events, channel, responseTracker: new RedisResponseTracker(shared) });
  return { name, bus, registry, presence, threadAffinity, sessions, dispatcher, client, channel, told, heard };
}

// Weakness 25: heartbeats, agents, approvals and configurations of all organisations were under the same keys.
describe.skipIf(redisUrl === '')('organisations on one Redis', { timeout: 60_000 }, () => {
  it('keep nothing under a key of another, and see nothing of each other, though they use the same names', async () => {
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const organisations = await Promise.all([undefined, 'acme', 'acme-2'].map((orgId) => open(server.url, orgId)));
    const asked = message('hello', { id: 'm-same', threadId: 't-same' });
    const results = await Promise.all(organisations.map(async ({ dispatcher, client }): Promise<TaskResult> => {
      const dispatched = await dispatcher.dispatch(asked);
      if (dispatched === undefined) throw new Error('nobody is there');
      expect(dispatched.isDuplicate).toBe(false);
      return client.waitFor(dispatched);
    }));
    expect(results.map(({ responseText }) => responseText)).toEqual(['answer of fleet', 'answer of acme', 'answer of acme-2']);
    for (const { name, registry, threadAffinity, sessions, channel, bus, told, heard } of organisations) {
      await until(() => expect(channel.sent).toEqual([`answer of ${name}`]));
      expect((await registry.list()).map(({ name: of, instances }) => [of, instances.length])).toEqual([['forge', 1]]);
      await until(async () => expect(await threadAffinity.getAgent('t-same')).toBe('forge'));
      const [session, ...others] = await sessions.list();
      expect(others).toEqual([]);
      await until(async () => expect((await sessions.transcript(session?.sessionId ?? '')).map(({ text }) => text)).toEqual(['hello', `answer of ${name}`]));
      expect((await bus.inspect('results')).length).toBe(1);
      await until(() => expect(told.filter((data) => data.includes('"task_id"')).length).toBeGreaterThanOrEqual(2)); // dispatched, completed
      const own = results.find(({ responseText }) => responseText === `answer of ${name}`)?.taskId ?? '';
      expect(told.filter((data) => data.includes('"task_id"') && !data.includes(own))).toEqual([]);
      await until(() => expect(heard).toEqual([`news of ${name}`]));
      expect(told.filter((data) => data.includes('"by"'))).toEqual([JSON.stringify({ by: name })]);
    }
    const raw = server.client();
    const owner = (key: string) => /^\{?cortex:(acme|acme-2):/.exec(key)?.[1] ?? (/^\{?cortex:/.test(key) ? 'fleet' : key);
    const kindOf = (key: string) => key.replace(/cortex(:acme-2|:acme)?:/, '').replaceAll(/[0-9a-f-]{16,}|d:[\w-]+|f:\d+/g, '#').split(':').slice(0, 3).join(':');
    const kinds = (keys: readonly string[], of: string) => new Set(keys.filter((key) => owner(key) === of).map(kindOf));
    // Of each kind of key that one of them has, every other has its own; the last of them when it has settled what it has told.
    const keys = await until(async () => {
      const found = await raw.keys('*');
      expect(new Set(found.map(owner))).toEqual(new Set(['fleet', 'acme', 'acme-2']));
      for (const { name } of organisations) expect(kinds(found, name)).toEqual(kinds(found, 'fleet'));
      return found;
    });
    const channels = (await raw.call('PUBSUB', 'CHANNELS', '*')) as string[];
    expect(new Set(channels.map(owner))).toEqual(new Set(['fleet', 'acme', 'acme-2']));
    // What goes with one goes from nobody else.
    for (const { presence } of organisations) await presence.close(); // it would come back with the next sign
    await raw.del(...keys.filter((key) => owner(key) === 'acme'));
    for (const { name, registry, sessions } of organisations) {
      expect(await registry.get('forge').then((found) => found?.name)).toBe(name === 'acme' ? undefined : 'forge');
      expect(await sessions.list()).toHaveLength(name === 'acme' ? 0 : 1);
    }
  });
});
