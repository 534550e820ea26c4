import { describe, expect, it } from 'vitest';

import { freshPrefix, openBus, ownServer, proxyTo, redisUrl, takeTexts, until } from './open-redis-bus.ts';

describe.skipIf(redisUrl === '')('a delivery whose reply is slow', { timeout: 60_000 }, () => {
  it.each([
    ['one reply', 1],
    ['one reply after the other', 3],
  ])('is not taken for lost, and given out twice under one count, when %s is lost beside it', async (_, losses) => {
    const server = await ownServer();
    const proxy = await proxyTo(server);
    const streamPrefix = freshPrefix();
    const settings = { streamPrefix, leaseMs: 400, claimIdleMs: 5_000, sweepMs: 100 };
    const [slow, other] = [openBus({ url: `redis://127.0.0.1:${proxy.port}`, ...settings }), openBus({ url: server.url, ...settings })];
    const subscription = slow.subscribe('s', { group: 'g', maxInFlight: 10 });
    await other.publish('s', 'one');
    expect(await takeTexts(subscription, 1)).toEqual(['one']);
    const raw = server.client();
    const lines = async () => String(await raw.client('LIST')).split('\n');
    await until(async () => expect((await lines()).some((line) => line.includes('cmd=xreadgroup') && line.includes('flags=b'))).toBe(true));
    proxy.delayMs = 1_500;
    await other.publish('s', 'two');
    await until(async () => expect(await raw.xpending(`${streamPrefix}:s`, 'g')).toContain(1));
    proxy.delayMs = 0; // for what comes from now on
    const taken: string[] = [];
    const note = async (from: typeof subscription) => {
      for await (const delivery of from) {
        taken.push(`${delivery.text()} ${delivery.deliveryCount}`);
        await delivery.ack().catch(() => {});
      }
    };
    const noting = [note(subscription), note(other.subscribe('s', { group: 'g', maxInFlight: 10 }))];
    // Trouble on another connection of the process makes it look for what may have been lost, once that is older than a lease; each loss begins that time anew.
    for (let loss = 0; loss < losses; loss += 1) {
      if (loss > 0) await new Promise((resolve) => setTimeout(resolve, settings.leaseMs * 0.7));
      const commands = (await lines()).filter((line) => /cmd=(evalsha|hset|hgetall|xpending) /.test(line) && !line.includes('flags=b'));
      for (const line of commands) await raw.client('KILL', 'ID', Number(/^id=(\d+)/.exec(line)?.[1]));
      expect(commands.length).toBeGreaterThan(0);
    }
    await until(() => expect(taken).toEqual(['two 1']));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(taken).toEqual(['two 1']);
    await Promise.all([slow.close(), other.close(), ...noting]);
  });
});
