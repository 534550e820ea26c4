import { describe, expect, it } from 'vitest';

import type { BusConfig } from '../src/config/index.ts';
import { LeaseLostError, type Delivery } from '../src/index.ts';
import { cutAppendOnlyFile, markAppendOnlyFile, type RedisServer } from '../src/testing/servers/index.ts';
import { freshPrefix, openBus, ownServer, proxyTo, redisUrl, take, takeTexts, until } from './open-redis-bus.ts';

const quick: BusConfig = { leaseMs: 400, claimIdleMs: 20_000, sweepMs: 50, blockMs: 200, retryBackoffBaseMs: 5 };

/** A server whose file has everything that it has answered, so that what it forgets is chosen by the test. */
async function forgetfulServer() {
  const server = await ownServer({ args: ['--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'] });
  return {
    server,
    mark: () => markAppendOnlyFile(server.directory),
    /** As after a crash of its machine: what it has written since the mark is gone. */
    async forget(mark: ReturnType<typeof markAppendOnlyFile>): Promise<void> {
      await server.kill();
      cutAppendOnlyFile(server.directory, mark);
      await server.restart();
    },
  };
}

async function pendingOf(server: RedisServer, key: string): Promise<number> {
  return Number(((await server.client().xpending(key, 'g')) as [number])[0]);
}

// D4: a crash of the server takes its newest writes; what was acknowledged before it must not confuse what comes after.
describe.skipIf(redisUrl === '')('with a server that comes back without its newest writes', { timeout: 60_000 }, () => {
  it('a message whose acknowledgement was forgotten is delivered again, though its process lives and was not reading', { timeout: 15_000 }, async () => {
    const { server, mark, forget } = await forgetfulServer();
    const bus = openBus({ url: server.url, streamPrefix: freshPrefix(), ...quick });
    for (const text of ['one', 'two']) await bus.publish('s', text);
    const subscription = bus.subscribe('s', { group: 'g' });
    const first = await take(subscription);
    const before = mark();
    await first.ack();
    const second = await take(subscription); // it has no place for more: no read is under way
    await forget(before);
    await expect(second.ack()).rejects.toBeInstanceOf(LeaseLostError);
    expect((await takeTexts(subscription, 2)).toSorted()).toEqual(['one', 'two']);
    expect((await bus.inspect('s')).groups[0]).toMatchObject({ pending: 0, waiting: 0 });
  });

  it('a message that is delivered again to its own holder is held once, and costs one place', async () => {
    const { server, mark, forget } = await forgetfulServer();
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: server.url, streamPrefix, ...quick });
    await bus.createGroup('s', 'g');
    await bus.publish('s', 'held');
    const before = mark();
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 2 });
    const held = await take(subscription);
    await forget(before);
    await until(async () => expect(await pendingOf(server, `${streamPrefix}:s`)).toBe(1)); // it was read anew
    await held.ack();
    for (const text of ['a', 'b', 'c']) await bus.publish('s', text);
    const both = [await take(subscription), await take(subscription)]; // there are two places, not one
    expect(both.map((delivery) => delivery.text())).toEqual(['a', 'b']);
    await Promise.all(both.map((delivery) => delivery.ack()));
    expect((await take(subscription)).text()).toBe('c');
  });

  // It stayed with a process that lived and did not have it: what came was taken for what was held, and that was lost a moment later.
  it('a message that was given again before its acknowledgement was known to be refused is delivered', async () => {
    const server = await ownServer();
    const proxy = await proxyTo(server);
    const streamPrefix = freshPrefix();
    const [redis, key] = [server.client(), `${streamPrefix}:s`];
    const bus = openBus({ url: `redis://127.0.0.1:${proxy.port}`, streamPrefix, ...quick, blockMs: 5_000 });
    const writer = openBus({ url: server.url, streamPrefix });
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 5 });
    await writer.publish('s', 'first');
    expect(await takeTexts(subscription, 1)).toEqual(['first']); // scripts are loaded, and there is a lane
    const [lane = ''] = await redis.keys('*:settle:*');
    const before = await redis.get(lane);
    await writer.publish('s', 'one');
    const held = await take(subscription);
    await redis.xack(key, 'g', held.msgId); // the server has forgotten the delivery …
    proxy.delayMs = 1_500;
    const acknowledged = held.ack();
    acknowledged.catch(() => {});
    await until(async () => expect(await redis.get(lane)).not.toBe(before)); // … refuses the acknowledgement, whose reply is on its way …
    proxy.delayMs = 0;
    await redis.xgroup('SETID', key, 'g', `${Number(held.msgId.split('-')[0]) - 1}`); // … and delivers it again
    await writer.publish('s', 'two');
    await expect(acknowledged).rejects.toBeInstanceOf(LeaseLostError);
    expect((await takeTexts(subscription, 2)).toSorted()).toEqual(['one', 'two']);
    await until(async () => expect(await pendingOf(server, key)).toBe(0));
  });

  // A repeat that finds nothing pending took that for its own work.
  it.each<[string, (delivery: Delivery) => Promise<unknown>]>([
    ['an acknowledgement', (delivery) => delivery.ack()],
    ['a failure', (delivery) => delivery.nack('no')],
    ['a dead letter', (delivery) => delivery.deadLetter('no')],
    ['a hand-back', (delivery) => delivery.release()],
  ])('%s that was forgotten before its reply came is not taken for done', async (_, settle) => {
    const { server, mark, forget } = await forgetfulServer();
    const proxy = await proxyTo(server);
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: `redis://127.0.0.1:${proxy.port}`, streamPrefix, ...quick, maxRetries: 0 });
    const writer = openBus({ url: server.url, streamPrefix });
    await bus.createGroup('s', 'g');
    await bus.publish('s', 'work');
    const before = mark();
    const subscription = bus.subscribe('s', { group: 'g' });
    const delivery = await take(subscription);
    proxy.when = () => {
      proxy.fault = 'refuse'; // one reply is lost, and nobody comes through until the server is back
      return true;
    };
    proxy.fault = 'cut-reply';
    const settled = settle(delivery);
    settled.catch(() => {});
    await until(() => expect(proxy.struck).toBe(1));
    await forget(before);
    proxy.fault = 'none';
    await expect(settled).rejects.toBeInstanceOf(LeaseLostError);
    await writer.publish('s', 'next');
    expect(await takeTexts(subscription, 2)).toEqual(['work', 'next']);
    expect(await writer.deadLetters('s')).toEqual([]);
  });

  it('a message is not taken for revoked that the server has forgotten before its reply came', async () => {
    const { server, mark, forget } = await forgetfulServer();
    const proxy = await proxyTo(server);
    const bus = openBus({ url: `redis://127.0.0.1:${proxy.port}`, streamPrefix: freshPrefix(), ...quick });
    await bus.createGroup('s', 'g');
    const before = mark();
    const msgId = await bus.publish('s', 'unwanted');
    let replies = 0;
    proxy.when = () => {
      replies += 1; // the first is that of the look at the message
      if (replies === 2) proxy.fault = 'refuse';
      return replies === 2;
    };
    proxy.fault = 'cut-reply';
    const revoked = bus.revoke('s', msgId, { publish: { stream: 'results', payload: 'cancelled' } });
    await until(() => expect(proxy.struck).toBe(1));
    await forget(before);
    proxy.fault = 'none';
    expect(await revoked).toBe(false);
    expect((await bus.inspect('results')).length).toBe(0);
  });

  it('whoever publishes next is told, once, and nobody is told of a restart that took nothing', async () => {
    const { server, mark, forget } = await forgetfulServer();
    const bus = openBus({ url: server.url, streamPrefix: freshPrefix(), ...quick });
    const forgotten = () => bus.notices.filter(({ type }) => type === 'bus.forgot');
    await bus.publish('s', 'one');
    const before = mark();
    await bus.publish('s', 'two');
    await forget(mark());
    await bus.publish('s', 'three');
    expect(forgotten()).toEqual([]);
    await forget(before);
    await bus.publish('s', 'four');
    await bus.publish('s', 'five');
    expect(forgotten()).toEqual([{ type: 'bus.forgot', stream: 's' }]);
    await server.client().flushall(); // no connection breaks
    await bus.publish('s', 'six');
    expect(forgotten()).toHaveLength(2);
  });
});

describe.skipIf(redisUrl === '')('with a server that is reading its file', { timeout: 60_000 }, () => {
  /** It says of itself that it has none, then, which was taken for the truth, and for good. */
  it('work waits until it has read it', async () => {
    const slowly = ['--appendfsync', 'always', '--key-load-delay', '150'];
    const server = await ownServer({ args: slowly });
    const bus = openBus({ url: server.url, streamPrefix: freshPrefix(), ...quick });
    const client = server.client();
    // It answers once in 1,024 commands that it reads.
    await client.pipeline(Array.from({ length: 5_000 }, (_, index) => ['set', `key${index}`, 'x'])).exec();
    const subscription = bus.subscribe('s', { group: 'g' });
    await bus.publish('s', 'before');
    expect(await takeTexts(subscription, 1)).toEqual(['before']);
    await server.kill();
    const restarted = server.restart(slowly);
    await bus.publish('s', 'after');
    expect(await takeTexts(subscription, 1)).toEqual(['after']);
    await restarted;
  });

  // Found by the chaos run: the server itself then counts what was delivered since it wrote its file anew as waiting.
  it('what was delivered is not counted as waiting, after it has', async () => {
    const server = await ownServer({ args: ['--appendfsync', 'always'] });
    const bus = openBus({ url: server.url, streamPrefix: freshPrefix(), ...quick });
    const subscription = bus.subscribe('s', { group: 'g' });
    await bus.publish('s', 'before');
    await takeTexts(subscription, 1);
    const client = server.client();
    await client.bgrewriteaof();
    await until(async () => expect(await client.info('persistence')).toMatch(/aof_rewrite_in_progress:0[^]*aof_rewrite_scheduled:0[^]*aof_last_bgrewrite_status:ok/));
    for (const text of ['one', 'two', 'three']) await bus.publish('s', text);
    await takeTexts(subscription, 3);
    await subscription.stop();
    await server.restart();
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 0, waiting: 0 }]);
    await bus.publish('s', 'waits');
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 0, waiting: 1 }]);
  });

  it('a server that was refused is looked at again', async () => {
    const server = await ownServer({ args: ['--appendonly', 'no'] });
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: server.url, streamPrefix, leaseMs: 300 });
    await expect(bus.publish('s', 'x')).rejects.toMatchObject({ code: 'BUS_UNSAFE_SERVER' });
    await expect(bus.subscribe('s').next()).rejects.toMatchObject({ code: 'BUS_UNSAFE_SERVER' });
    await server.client().config('SET', 'appendonly', 'yes');
    await until(async () => void (await bus.publish('s', 'x')));
    // And whoever could not begin begins anew: its lease is kept, or others would take what it has.
    expect((await take(bus.subscribe('s'))).text()).toBe('x');
    await until(async () => expect(Object.values(await server.client().hgetall(`${streamPrefix}:bus:consumers`)).map(Number)[0]).toBeGreaterThan(2));
  });

  it('a server whose answer was lost is asked again, and not refused', async () => {
    const server = await ownServer({ args: ['--appendfsync', 'always'] });
    const proxy = await proxyTo(server);
    const bus = openBus({ url: `redis://127.0.0.1:${proxy.port}`, streamPrefix: freshPrefix(), durability: 'strict', confirmingReplicas: 0 });
    proxy.when = (reply) => reply.includes('appendfsync') && proxy.struck === 0;
    proxy.fault = 'cut-reply';
    await bus.publish('s', 'x');
    expect(proxy.struck).toBe(1);
  });
});
