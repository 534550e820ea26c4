import { describe, expect, it } from 'vitest';

import { freshPrefix, openBus, ownServer, rawClient, redisUrl, take, until } from './open-redis-bus.ts';

const timing = { leaseMs: 300, claimIdleMs: 600, sweepMs: 50, blockMs: 200 };
const done = { publish: { stream: 'results', payload: 'done' } };

// Weakness 15 (E45): a group that was made again began at the beginning, and all that had been acknowledged came again, 50 of 50.
describe.skipIf(redisUrl === '')('a group that somebody has removed', { timeout: 60_000 }, () => {
  it('goes on with what has no outcome: what has one does not come again', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), ...timing };
    const bus = openBus(config);
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 60 });
    const held = new Map<string, Awaited<ReturnType<typeof take>>>();
    for (let index = 0; index < 50; index += 1) await bus.publish('s', String(index), { dedupId: `k${index}` });
    while (held.size < 50) {
      const delivery = await take(subscription);
      held.set(delivery.text(), delivery);
    }
    const open = ['7', '23', '49'];
    for (const [text, delivery] of held) if (!open.includes(text)) await delivery.ack(done);
    await subscription.stop({ drainMs: 0 });
    const other = openBus(config);
    const next = other.subscribe('s', { group: 'g', maxInFlight: 10 });
    const before = [await take(next), await take(next), await take(next)];
    expect(before.map((delivery) => delivery.text()).toSorted()).toEqual(open.toSorted());
    await rawClient().xgroup('DESTROY', `${config.streamPrefix}:s`, 'g');
    await other.publish('s', 'new', { dedupId: 'new' });
    expect((await take(next)).text()).toBe('new');
    await until(async () => expect((await other.inspect('s')).groups[0]).toMatchObject({ name: 'g', pending: 4, waiting: 0 }));
    expect(other.notices).toContainEqual({ type: 'bus.reset', stream: 's', group: 'g' });
    // Who held them before the group was gone still holds them, and can settle them.
    for (const delivery of before) await delivery.ack(done);
    expect((await other.inspect('s')).groups[0]).toMatchObject({ pending: 1, waiting: 0 });
    expect((await other.inspect('results')).length).toBe(50);
  });

  it('gives what nobody holds to whoever has room, once', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), ...timing };
    const raw = rawClient();
    const [one, two] = [openBus(config), openBus(config)];
    const [first, second] = [one.subscribe('s', { group: 'g', maxInFlight: 1 }), two.subscribe('s', { group: 'g', maxInFlight: 1 })];
    const texts = Array.from({ length: 40 }, (_, index) => String(index));
    const seen: string[] = [];
    const work = async (subscription: typeof first) => {
      for await (const delivery of subscription) {
        seen.push(delivery.text());
        await delivery.ack(done).catch(() => {});
      }
    };
    const working = [work(first), work(second)];
    for (const text of texts) {
      await one.publish('s', text, { dedupId: text });
      if (Number(text) % 10 === 5) await raw.xgroup('DESTROY', `${config.streamPrefix}:s`, 'g');
    }
    await until(async () => expect((await one.inspect('s')).groups[0]).toMatchObject({ pending: 0, waiting: 0 }));
    await until(async () => expect((await one.inspect('results')).length).toBe(40));
    await Promise.all([first.stop(), second.stop(), ...working]);
    expect(new Set(seen)).toEqual(new Set(texts));
    // What was being worked on when the group went may come twice; of what was done before it, nothing does.
    expect(seen.length).toBeLessThanOrEqual(40 + 4 * 2);
  });

  it('does the same in a cluster, whose scripts may look at one slot only', async () => {
    const server = await ownServer({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] });
    const client = server.client();
    await client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await until(async () => expect(await client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'));
    const bus = openBus({ cluster: { nodes: [{ host: '127.0.0.1', port: server.port }] }, ...timing });
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 5 });
    for (const text of ['a', 'b', 'c']) await bus.publish('s', text, { dedupId: text });
    const held = [await take(subscription), await take(subscription), await take(subscription)];
    for (const delivery of held) if (delivery.text() !== 'b') await delivery.ack(done);
    await client.xgroup('DESTROY', 'cortex:s', 'g');
    await bus.publish('s', 'd', { dedupId: 'd' });
    expect((await take(subscription)).text()).toBe('d');
    await until(async () => expect((await bus.inspect('s')).groups[0]).toMatchObject({ pending: 2, waiting: 0 }));
    expect(bus.notices.filter(({ type }) => type !== 'bus.reset')).toEqual([]);
  });

  it('begins at the beginning where another group reads as well: which of them settled a message is not known', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), ...timing };
    const bus = openBus(config);
    await bus.createGroup('s', 'watchers');
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 10 });
    for (const text of ['a', 'b']) await bus.publish('s', text, { dedupId: text });
    for (let index = 0; index < 2; index += 1) await (await take(subscription)).ack(done);
    await rawClient().xgroup('DESTROY', `${config.streamPrefix}:s`, 'g');
    const again = [await take(subscription), await take(subscription)];
    expect(again.map((delivery) => delivery.text())).toEqual(['a', 'b']);
  });
});
