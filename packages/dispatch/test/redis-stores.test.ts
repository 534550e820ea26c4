import { inspect } from 'node:util';

import { Keyspace } from '@cortex-runtime/bus';
import { chaosProxy, redisServer } from '@cortex-runtime/bus/testing/servers';
import { fixedClock } from '@cortex-runtime/core/testing';
import { Cluster, type Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';

import { AgentCard, DispatchStoreError, type MessageClaim } from '../src/index.ts';
import { RedisAgentRegistry, RedisResponseTracker, RedisThreadAffinity, type RedisClient } from '../src/redis/index.ts';
import { startProgram } from './support/child-program.ts';
import { clock, rawClient, redisUrl, until } from './support/mesh.ts';
import { freshKeyspace } from './support/fresh-keyspace.ts';
import { agePresence } from './support/redis-time.ts';

const claimOf = (taskId: string): MessageClaim => ({ taskId, stream: 'tasks:eng', agent: 'forge', domain: 'eng', digest: 'd', msgId: null, status: 'claimed' });
const announcementOf = (instanceId: string, names: readonly string[], ttlMs = 60_000) => ({ instanceId, ttlMs, agents: names.map((name) => ({ card: AgentCard.parse({ name, domains: ['eng'] }), activeTasks: 0 })) });

/** A client that writes down what it is asked. */
function watched(redis: Redis): RedisClient & { commands: string[] } {
  const commands: string[] = [];
  return {
    commands,
    call(command, ...values) {
      commands.push(command);
      return redis.call(command, ...values);
    },
  };
}

describe.skipIf(redisUrl === '')('what several processes remember in Redis', { timeout: 60_000 }, () => {
  it('gives a message to one of 200 claims over four connections, and all are told which', async () => {
    const keyspace = freshKeyspace();
    const trackers = Array.from({ length: 4 }, () => new RedisResponseTracker({ redis: rawClient(), clock, keyspace }));
    for (let message = 0; message < 5; message += 1) {
      const claims = Array.from({ length: 50 }, (_, index) => trackers.map((tracker, connection) => tracker.claim(`m-${message}`, claimOf(`task-${connection}-${index}`)))).flat();
      const outcomes = await Promise.all(claims);
      expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(new Set(outcomes.map(({ claim }) => claim.taskId)).size).toBe(1);
    }
  });

  it('knows a claim as its own when the reply to it was lost', async () => {
    const proxy = await chaosProxy(Number(new URL(redisUrl).port));
    onTestFinished(() => proxy.close());
    const redis = rawClient(`redis://127.0.0.1:${proxy.port}`);
    await redis.ping();
    const tracker = new RedisResponseTracker({ redis, clock, keyspace: freshKeyspace() });
    proxy.fault = 'cut-reply';
    proxy.when = () => {
      proxy.fault = 'none';
      return true;
    };
    expect(await tracker.claim('m-1', claimOf('task-1'))).toEqual({ claim: claimOf('task-1'), isNew: true });
    expect(proxy.struck).toBe(1);
  });

  it('tells who is present by the clock of the server, whatever those of the processes say', async () => {
    const keyspace = freshKeyspace();
    const hour = 3_600_000;
    const [behind, ahead] = [-hour, hour].map((skew) => new RedisAgentRegistry({ redis: rawClient(), clock: fixedClock(Date.now() + skew), keyspace }));
    await behind?.announce(announcementOf('behind', ['forge'], 60_000));
    await ahead?.announce(announcementOf('ahead', ['anvil'], 60_000));
    for (const registry of [behind, ahead]) expect(await registry?.list()).toMatchObject([{ name: 'anvil', isPresent: true }, { name: 'forge', isPresent: true }]);
    await ahead?.announce(announcementOf('ahead', ['anvil'], 1));
    await until(async () => expect(await behind?.get('anvil')).toMatchObject({ isPresent: false }));
    expect(await ahead?.get('forge')).toMatchObject({ isPresent: true });
  });

  it('sees a process that was killed go when its time is over, and come back', async () => {
    const keyspace = freshKeyspace();
    const registry = new RedisAgentRegistry({ redis: rawClient(), clock, keyspace });
    const start = (instanceId: string) => startProgram('presence-program.ts', 'showPresence', { url: redisUrl, orgId: keyspace.orgId, instanceId, ttlMs: 1_000 });
    const first = await start('first');
    expect(await first.nextLine()).toBe('present');
    expect(await registry.get('forge')).toMatchObject({ isPresent: true, instances: [{ instanceId: 'first' }] });
    first.child.kill('SIGKILL');
    await until(async () => expect(await registry.get('forge')).toMatchObject({ name: 'forge', isPresent: false }));
    const second = await start('second');
    expect(await second.nextLine()).toBe('present');
    expect(await registry.get('forge')).toMatchObject({ isPresent: true, instances: [{ instanceId: 'second' }] });
  });

  it('needs one command to announce all agents of a process, and one to list all there are', async () => {
    const redis = watched(rawClient());
    const registry = new RedisAgentRegistry({ redis, clock, keyspace: freshKeyspace() });
    await registry.announce(announcementOf('p1', ['warm-up']));
    await registry.list();
    redis.commands.length = 0;
    await registry.announce(announcementOf('p1', Array.from({ length: 300 }, (_, index) => `agent-${index}`)));
    await registry.announce(announcementOf('p1', []));
    expect(redis.commands).toEqual(['EVALSHA']);
    expect(await registry.list()).toHaveLength(301);
    await registry.get('agent-7');
    expect(redis.commands).toEqual(['EVALSHA', 'EVALSHA', 'EVALSHA']);
  });

  it('forgets an agent that has not been seen for long, and nobody else', async () => {
    const keyspace = freshKeyspace();
    const redis = rawClient();
    const registry = new RedisAgentRegistry({ redis, clock, keyspace }, { forgetAfterMs: 86_400_000 });
    await registry.announce(announcementOf('p1', ['gone', 'left', 'lasting']));
    await registry.leave('p1', ['left']);
    await agePresence(redis, keyspace.agentsKey, 80_000_000);
    await registry.announce(announcementOf('p1', ['lasting']));
    expect((await registry.list()).map(({ name }) => name)).toEqual(['gone', 'lasting', 'left']);
    await agePresence(redis, keyspace.agentsKey, 80_000_000);
    await registry.announce(announcementOf('p2', ['new']));
    expect((await registry.list()).map(({ name }) => name)).toEqual(['lasting', 'new']);
    expect((await redis.hkeys(keyspace.agentsKey)).toSorted()).toEqual(['at:lasting', 'at:new', 'card:lasting', 'card:new', 'swept']);
  });

  it('keeps organisations apart', async () => {
    const [one, other] = [freshKeyspace(), freshKeyspace()].map((keyspace) => {
      const deps = { redis: rawClient(), clock, keyspace };
      return { registry: new RedisAgentRegistry(deps), affinity: new RedisThreadAffinity(deps), tracker: new RedisResponseTracker(deps) };
    });
    await one?.registry.announce(announcementOf('p1', ['forge']));
    await one?.affinity.setAgent('t', 'forge');
    await one?.tracker.claim('m', claimOf('task'));
    expect([await other?.registry.list(), await other?.affinity.getAgent('t'), await other?.tracker.find('m')]).toEqual([[], undefined, undefined]);
  });

  it('goes on when the server has forgotten its scripts, or everything', async () => {
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const deps = { redis: server.client(), clock };
    const [registry, tracker] = [new RedisAgentRegistry(deps), new RedisResponseTracker(deps)];
    await registry.announce(announcementOf('p1', ['forge']));
    await deps.redis.script('FLUSH');
    await registry.announce(announcementOf('p1', ['forge']));
    expect(await registry.get('forge')).toMatchObject({ isPresent: true });
    await deps.redis.flushall();
    expect(await registry.list()).toEqual([]);
    await tracker.markResponded('m', 'dispatched');
    await registry.announce(announcementOf('p1', ['forge']));
    expect(await registry.get('forge')).toMatchObject({ isPresent: true });
  });

  it('finds keys where other libraries put them', async () => {
    const keyspace = freshKeyspace();
    const redis = rawClient();
    const prefix = `cortex:${keyspace.orgId ?? ''}`;
    await new RedisThreadAffinity({ redis, clock, keyspace }).setAgent('1712345678.000100', 'forge');
    await new RedisResponseTracker({ redis, clock, keyspace }, { ttlMs: 5_000 }).claim('m-1', claimOf('task-1'));
    expect(await redis.get(`${prefix}:thread:agent:1712345678.000100`)).toBe('forge');
    expect(JSON.parse((await redis.get(`${prefix}:responded:m-1`)) ?? '')).toEqual({ v: 1, task_id: 'task-1', stream: 'tasks:eng', agent: 'forge', domain: 'eng', digest: 'd', status: 'claimed' });
    expect(await redis.pttl(`${prefix}:responded:m-1`)).toBeGreaterThan(0);
  });

  it('works on a cluster', async () => {
    const server = await redisServer({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] });
    onTestFinished(() => server.stop());
    await server.client().call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await until(async () => expect(await server.client().call('CLUSTER', 'INFO')).toContain('cluster_state:ok'));
    const redis = new Cluster([{ host: '127.0.0.1', port: server.port }]);
    onTestFinished(() => redis.disconnect());
    const deps = { redis, clock };
    const [registry, affinity, tracker] = [new RedisAgentRegistry(deps), new RedisThreadAffinity(deps), new RedisResponseTracker(deps)];
    await registry.announce(announcementOf('p1', ['forge']));
    await affinity.setAgent('t', 'forge');
    await tracker.claim('m', claimOf('task'));
    await tracker.markResponded('m', 'dispatched', { msgId: '1-1' });
    expect([(await registry.list()).length, await affinity.getAgent('t'), (await tracker.find('m'))?.msgId]).toEqual([1, 'forge', '1-1']);
  });
});

describe.skipIf(redisUrl === '')('a Redis that can not be asked', { timeout: 60_000 }, () => {
  const open = (redis: RedisClient) => {
    const [deps, options] = [{ redis, clock, keyspace: Keyspace.fleet() }, { commandTimeoutMs: 500 }];
    const [registry, affinity, tracker] = [new RedisAgentRegistry(deps, options), new RedisThreadAffinity(deps, options), new RedisResponseTracker(deps, options)];
    return {
      registry, affinity, tracker,
      calls: [
        () => registry.list(), () => registry.get('forge'), () => registry.primaryAgent('eng'), () => registry.announce(announcementOf('p1', ['forge'])), () => registry.leave('p1', ['forge']), () => registry.forget('forge'),
        () => affinity.getAgent('t'), () => affinity.setAgent('t', 'forge'), () => affinity.refreshTtl('t'), () => affinity.clear('t'),
        () => tracker.claim('m', claimOf('task')), () => tracker.find('m'), () => tracker.markResponded('m', 'x'),
      ] as (() => Promise<unknown>)[],
    };
  };
  const passing = { code: 'DISPATCH_STORE', retryable: true };

  it('is told with one error, which says that it may pass, and is asked again when it is back', async () => {
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const { calls, registry, tracker } = open(server.client());
    await server.kill();
    await Promise.all(calls.map((call) => expect(call()).rejects.toMatchObject(passing)));
    await server.restart();
    await until(() => registry.announce(announcementOf('p1', ['forge'])));
    expect(await registry.get('forge')).toMatchObject({ isPresent: true });
    expect((await tracker.claim('later', claimOf('task'))).isNew).toBe(true);
  });

  it('is not waited for when it hangs', async () => {
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const { calls, registry } = open(server.client());
    await registry.list();
    server.pause();
    await Promise.all(calls.map((call) => expect(call()).rejects.toMatchObject(passing)));
    server.resume();
    await until(() => registry.list());
  });

  it('is told apart from one that refuses, which will not help to repeat', async () => {
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const redis = server.client();
    const { registry, affinity, tracker } = open(redis);
    await redis.set('cortex:agents', 'no hash');
    await redis.lpush('cortex:thread:agent:t', 'no text');
    await redis.set('cortex:responded:foreign', '1');
    await expect(registry.list()).rejects.toMatchObject({ code: 'DISPATCH_STORE', retryable: false });
    const refusal = await affinity.getAgent('t').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DispatchStoreError);
    expect(inspect(refusal, { depth: Infinity }), 'no command with its values, which may be the password').not.toMatch(/args|thread:agent/);
    await expect(tracker.claim('foreign', claimOf('task'))).rejects.toMatchObject({ code: 'DISPATCH_STORE', retryable: false });
    await tracker.markResponded('foreign', 'dispatched');
    expect(await redis.get('cortex:responded:foreign')).toBe('1');
  });

  it('takes nothing more when its memory is full, and says that it may pass', async () => {
    const server = await redisServer({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] });
    onTestFinished(() => server.stop());
    const { registry, affinity, tracker } = open(server.client());
    for (const call of [() => registry.announce(announcementOf('p1', ['forge'])), () => affinity.setAgent('t', 'forge'), () => tracker.claim('m', claimOf('task'))]) {
      await expect(call()).rejects.toMatchObject(passing);
    }
  });

  it('passes over an agent that it can not read, and shows the others', async () => {
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const redis = server.client();
    const { registry } = open(redis);
    await registry.announce(announcementOf('p1', ['forge', 'later']));
    await redis.hset('cortex:agents', { 'card:torn': '{"v":1,"na', 'card:next': '{"v":2,"who":"next"}', 'card:later': '{"v":1,"name":"later","domains":["eng"],"mood":"new"}', 'at:forge': 'torn' });
    expect(await registry.list()).toMatchObject([{ name: 'forge', isPresent: false }, { name: 'later', isPresent: true, domains: ['eng'] }]);
    expect(await registry.get('torn')).toBeUndefined();
    expect(await registry.get('later')).not.toHaveProperty('mood');
  });

  it('is given no options that make no sense', () => {
    const deps = { redis: rawClient(), clock };
    expect(() => new RedisAgentRegistry(deps, { forgetAfterMs: 0 })).toThrow('forgetAfterMs');
    expect(() => new RedisThreadAffinity(deps, { ttlMs: 1.5 })).toThrow('ttlMs');
    expect(() => new RedisResponseTracker(deps, { ttl: 1 } as object)).toThrow('ttl');
  });
});
