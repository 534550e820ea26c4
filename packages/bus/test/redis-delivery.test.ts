import { describe, expect, it } from 'vitest';

import { freshPrefix, openBus, rawClient, redisUrl, take, takeTexts, until } from './open-redis-bus.ts';

/** Failures that were reproduced in an earlier runtime (E…: its experiments), on a Redis that works. */
describe.skipIf(redisUrl === '')('messages on Redis', { timeout: 60_000 }, () => {
  // Weakness 1 (E2), F1, D11: every publish trimmed the stream to 1,000 entries, delivered or not.
  it('a backlog of 5,000 that nobody reads yet is delivered whole', async () => {
    const bus = openBus({ url: redisUrl, streamPrefix: freshPrefix() });
    const numbers = Array.from({ length: 5_000 }, (_, index) => String(index));
    await Promise.all(numbers.map((number) => bus.publish('tasks:eng', number)));
    expect(await takeTexts(bus.subscribe('tasks:eng', { maxInFlight: 200 }), 5_000)).toEqual(numbers);
  });

  // Weakness 3 (E14, E14b): one page of 100 was recovered, once.
  it('everything that a dead consumer has left is taken over, however much it is', async () => {
    const streamPrefix = freshPrefix();
    const raw = rawClient();
    const key = `${streamPrefix}:s`;
    await raw.xgroup('CREATE', key, 'g', '0', 'MKSTREAM');
    for (let index = 0; index < 350; index += 1) await raw.xadd(key, '*', 'type', 'task', 'payload', String(index));
    await raw.xreadgroup('GROUP', 'g', 'forge-1', 'COUNT', 1_000, 'STREAMS', key, '>');
    const bus = openBus({ url: redisUrl, streamPrefix, claimIdleMs: 100, leaseMs: 100, sweepMs: 20 });
    const texts = await takeTexts(bus.subscribe('s', { group: 'g', maxInFlight: 20 }), 350);
    expect(texts.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 350 }, (_, index) => index));
    expect((await bus.inspect('s')).groups[0]?.pending).toBe(0);
  });

  // Weakness 14 (E14c): reclaimed entries came twice to subscribers that acknowledge late.
  it('what is taken over comes once to a subscriber that acknowledges late', async () => {
    const streamPrefix = freshPrefix();
    const raw = rawClient();
    const key = `${streamPrefix}:s`;
    await raw.xgroup('CREATE', key, 'g', '0', 'MKSTREAM');
    for (let index = 0; index < 5; index += 1) await raw.xadd(key, '*', 'type', 'task', 'payload', String(index));
    await raw.xreadgroup('GROUP', 'g', 'forge-1', 'COUNT', 10, 'STREAMS', key, '>');
    const bus = openBus({ url: redisUrl, streamPrefix, claimIdleMs: 100, leaseMs: 100, sweepMs: 20 });
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 50 });
    const held = [];
    for (let index = 0; index < 5; index += 1) held.push(await take(subscription));
    await bus.publish('s', 'next');
    expect((await take(subscription)).text()).toBe('next');
    expect(new Set(held.map(({ msgId }) => msgId)).size).toBe(5);
    await Promise.all(held.map((delivery) => delivery.ack()));
  });

  // Weakness 11 (E10): two replicas of one identity read each other's pending work, because they had one consumer name.
  it('two processes of one identity do not see each other\'s work', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix() };
    const [one, two] = [openBus(config, 'forge'), openBus(config, 'forge')];
    await one.publish('s', 'work');
    const held = await take(one.subscribe('s', { group: 'g' }));
    const other = two.subscribe('s', { group: 'g' });
    await two.publish('s', 'more');
    expect((await take(other)).text()).toBe('more');
    const consumers = (await rawClient().xinfo('CONSUMERS', `${config.streamPrefix}:s`, 'g')) as string[][];
    expect(new Set(consumers.map((fields) => fields[1])).size).toBe(2);
    await held.ack();
  });

  // Weakness 10 (E11, E11b): a task that ran longer than claim_idle_ms was given to a second agent while the first worked.
  it('work under way is never taken over, however long it takes', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), leaseMs: 150, claimIdleMs: 200, sweepMs: 20 };
    const [one, two] = [openBus(config), openBus(config)];
    await one.publish('s', 'long');
    const subscription = one.subscribe('s', { group: 'g', maxInFlight: 3 });
    const held = await take(subscription);
    const other = two.subscribe('s', { group: 'g' });
    // Twenty renewals are more than six leases.
    const raw = rawClient();
    await until(async () => expect(Math.max(...Object.values(await raw.hgetall(`${config.streamPrefix}:bus:consumers`)).map(Number))).toBeGreaterThan(20));
    expect(held.signal.aborted).toBe(false);
    await held.ack();
    await one.publish('s', 'next');
    const next = await Promise.race([take(other), take(subscription)]);
    expect(next).toMatchObject({ deliveryCount: 1 });
    expect(next.text()).toBe('next');
  });

  // Weakness 10 (E11): of ten tasks twenty were executed, because those that waited in the process grew old as well.
  it('work that waits in a process for its turn is not taken over either', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), leaseMs: 150, claimIdleMs: 200, sweepMs: 20 };
    const [one, two] = [openBus(config), openBus(config)];
    const texts = Array.from({ length: 10 }, (_, index) => String(index));
    for (const text of texts) await one.publish('s', text);
    const subscription = one.subscribe('s', { group: 'g', maxInFlight: 10 });
    const held = await take(subscription); // nine wait behind it
    const other = two.subscribe('s', { group: 'g', maxInFlight: 10 });
    const raw = rawClient();
    await until(async () => expect(Math.min(...Object.values(await raw.hgetall(`${config.streamPrefix}:bus:consumers`)).map(Number))).toBeGreaterThan(20)); // more than six leases
    await held.ack();
    expect(await takeTexts(subscription, 9)).toEqual(texts.slice(1));
    await one.publish('s', 'next');
    const next = await Promise.race([take(other), take(subscription)]);
    expect([next.text(), next.deliveryCount]).toEqual(['next', 1]);
    await next.ack();
  });

  // A reader of the Python library goes by idle time alone; long work must not look idle to it.
  it('long work does not look idle to readers of other libraries', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), leaseMs: 150, claimIdleMs: 600, sweepMs: 50 };
    const bus = openBus(config);
    await bus.publish('s', 'long');
    const held = await take(bus.subscribe('s', { group: 'g' }));
    const raw = rawClient();
    let claimed: unknown[] = [];
    await until(async () => {
      const [, entries] = (await raw.xautoclaim(`${config.streamPrefix}:s`, 'g', 'forge-1', 600, '0-0')) as [string, unknown[]];
      claimed = claimed.concat(entries);
      expect(Math.max(...Object.values(await raw.hgetall(`${config.streamPrefix}:bus:consumers`)).map(Number))).toBeGreaterThan(30);
    });
    expect(claimed).toEqual([]);
    await held.ack();
  });

  // Weakness 15 (E15): a message that killed its consumer was delivered for ever.
  it('a message whose consumers die becomes a dead letter after its retries', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), claimIdleMs: 100, leaseMs: 100, sweepMs: 20, maxRetries: 2 };
    const bus = openBus(config);
    const msgId = await bus.publish('s', 'poison');
    const counts: number[] = [];
    for (let life = 1; life <= 3; life += 1) {
      const [message] = await until(async () => {
        const messages = await bus.readGroup('s', { group: 'g', consumer: `life-${life}` });
        expect(messages).toHaveLength(1);
        return messages;
      });
      counts.push(message?.deliveryCount ?? 0);
    }
    bus.subscribe('s', { group: 'g' });
    const [letter] = await until(async () => {
      const letters = await bus.deadLetters('s');
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(counts).toEqual([1, 2, 3]);
    expect(letter).toMatchObject({ msgId, deliveryCount: 3 });
    expect(letter?.errors.join()).toContain('stopped without settling');
  });

  // Weakness 4 (E3): entries that could not be parsed were acknowledged away.
  it('an entry that is no message goes to the dead letters, and the rest is delivered', async () => {
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: redisUrl, streamPrefix });
    await rawClient().xadd(`${streamPrefix}:s`, '*', 'foo', 'bar');
    await bus.publish('s', 'fine');
    expect((await take(bus.subscribe('s', { group: 'g' }))).text()).toBe('fine');
    const [letter] = await until(async () => {
      const letters = await bus.deadLetters('s');
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(letter?.errors[0]).toContain('no payload field');
  });

  // Weakness 1, F1, D11: entries that somebody trimmed while they were pending vanished without a word.
  it('pending messages that somebody trims are reported by id', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), claimIdleMs: 100, leaseMs: 100, sweepMs: 20 };
    const bus = openBus(config);
    const ids = [];
    for (let index = 0; index < 5; index += 1) ids.push(await bus.publish('s', String(index)));
    await bus.readGroup('s', { group: 'g', consumer: 'gone' });
    await rawClient().xtrim(`${config.streamPrefix}:s`, 'MAXLEN', 2);
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 10 });
    expect((await takeTexts(subscription, 2)).toSorted()).toEqual(['3', '4']);
    const lost = await until(() => {
      const found = bus.notices.flatMap((notice) => (notice.type === 'bus.lost' ? notice.msgIds : []));
      expect(found).toHaveLength(3);
      return found;
    });
    expect(lost.toSorted()).toEqual(ids.slice(0, 3));
  });

  // Weakness 22 (E40, E16): 200 publishes at once, or 21 subscriptions, used up the connections.
  it('hundreds of publishes and subscriptions share a few connections', async () => {
    const bus = openBus({ url: redisUrl, streamPrefix: freshPrefix(), maxConnections: 4 });
    const streams = Array.from({ length: 100 }, (_, index) => `agent-${index}`);
    const subscriptions = streams.map((stream) => bus.subscribe(stream));
    await Promise.all(streams.flatMap((stream) => [bus.publish(stream, 'a'), bus.publish(stream, 'b')]));
    for (const subscription of subscriptions) expect(await takeTexts(subscription, 2)).toEqual(['a', 'b']);
    expect((await bus.health()).details).toMatchObject({ connections: 3, subscriptions: 100 });
  });

  // P18's hand-back: what a stopping process has not begun is taken up by others at once, not at the next sweep.
  it('work that a process gives back is taken up by another at once', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), sweepMs: 600_000, claimIdleMs: 600_000 };
    const [leaving, staying] = [openBus(config), openBus(config)];
    for (let index = 0; index < 20; index += 1) await leaving.publish('s', String(index));
    const subscription = leaving.subscribe('s', { group: 'g', maxInFlight: 20 });
    await take(subscription);
    const other = staying.subscribe('s', { group: 'g', maxInFlight: 20 });
    await staying.publish('s', 'last');
    expect((await take(other)).text()).toBe('last');
    await subscription.stop({ drainMs: 0 });
    const texts = await takeTexts(other, 20);
    expect(texts.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  // A consumer without pending work is removed when it leaves; D18's clean-up.
  it('a consumer that leaves is removed, and one that holds work is not', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix() };
    const bus = openBus(config);
    await bus.publish('s', 'work');
    const subscription = bus.subscribe('s', { group: 'g' });
    const delivery = await take(subscription);
    await subscription.stop({ drainMs: 0 });
    const consumers = (await rawClient().xinfo('CONSUMERS', `${config.streamPrefix}:s`, 'g')) as string[][];
    expect(consumers.map((fields) => fields[1])).toEqual(['~parked']);
    expect(delivery.signal.aborted).toBe(true);
  });

  // D16, to the millisecond, by the clock of the server: whatever was asked before the last of the window gives the first message, whatever after it a new one.
  it('knows a deduplication id to the last millisecond of its window, and not after', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), dedupWindowMs: 400 };
    const bus = openBus(config);
    const raw = rawClient();
    const serverNow = async () => {
      const [seconds, micros] = (await raw.time()) as unknown as [string, string];
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    };
    const startedAt = await serverNow();
    const first = await bus.publish('s', 'x', { dedupId: 'k' });
    const publishedBy = await serverNow();
    const [key = ''] = await raw.keys(`{${config.streamPrefix}:s}:d:*`);
    const expiresAt = await raw.pexpiretime(key);
    expect(expiresAt).toBeGreaterThanOrEqual(Math.floor(startedAt) + 400);
    expect(expiresAt).toBeLessThanOrEqual(publishedBy + 400);
    const seen: { before: number; after: number; isFirst: boolean }[] = [];
    do {
      const before = await serverNow();
      const isFirst = (await bus.publish('s', 'x', { dedupId: 'k' })) === first;
      seen.push({ before, after: await serverNow(), isFirst });
    } while (seen.at(-1)?.isFirst === true);
    // Redis keeps a key during the millisecond in which it ends.
    for (const { before, after, isFirst } of seen) {
      if (after < expiresAt) expect(isFirst).toBe(true);
      if (before >= expiresAt + 1) expect(isFirst).toBe(false);
    }
    expect(seen.length).toBeGreaterThan(1);
  });

  // D16
  it.each([300, 30_000])('an id is forgotten after its window, and kept while its message is worked on, also when others would wait for %d ms', async (claimIdleMs) => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), dedupWindowMs: 1_500, claimIdleMs, leaseMs: 150, sweepMs: 20 };
    const bus = openBus(config);
    const first = await bus.publish('s', 'x', { dedupId: 'k' });
    const raw = rawClient();
    const held = await take(bus.subscribe('s', { group: 'g', maxInFlight: 2 }));
    await until(async () => expect(Math.max(...Object.values(await raw.hgetall(`${config.streamPrefix}:bus:consumers`)).map(Number))).toBeGreaterThan(40)); // 2 s
    expect(await bus.publish('s', 'x', { dedupId: 'k' })).toBe(first);
    await held.ack();
    await until(async () => expect(await bus.publish('s', 'x', { dedupId: 'k' })).not.toBe(first));
  });

  // D16
  it('an id is kept from the time on at which work on its message begins, however long that had waited', async () => {
    const config = { url: redisUrl, streamPrefix: freshPrefix(), dedupWindowMs: 6_000, claimIdleMs: 30_000, leaseMs: 150, sweepMs: 20 };
    const bus = openBus(config);
    const first = await bus.publish('s', 'x', { dedupId: 'k' });
    const raw = rawClient();
    const [key = ''] = await raw.keys(`{${config.streamPrefix}:s}:d:*`);
    await raw.pexpire(key, 1_500); // it has waited for most of its window
    const held = await take(bus.subscribe('s', { group: 'g' }));
    await until(async () => expect(await raw.pttl(key)).toBeGreaterThan(3_000));
    expect(await bus.publish('s', 'x', { dedupId: 'k' })).toBe(first);
    await held.ack();
  });
});

/** A client of the Python library: its two fields, its names, its way to read, and nothing else. */
describe.skipIf(redisUrl === '')('a Redis shared with agents of the Python library', { timeout: 60_000 }, () => {
  it('reads what they write, under both names of the type', async () => {
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: redisUrl, streamPrefix });
    const raw = rawClient();
    const payload = JSON.stringify({ task_id: 't', message_id: 'm', text: 'caf\u00e9' });
    await raw.xadd(`${streamPrefix}:tasks:eng`, 'MAXLEN', '~', 1_000, '*', 'type', 'task', 'payload', payload);
    await raw.xadd(`${streamPrefix}:tasks:eng`, '*', 'msg_type', 'question', 'payload', payload);
    const subscription = bus.subscribe('tasks:eng', { maxInFlight: 2 });
    const [one, two] = [await take(subscription), await take(subscription)];
    expect([one.msgType, two.msgType]).toEqual(['task', 'question']);
    expect(one.json()).toEqual({ task_id: 't', message_id: 'm', text: 'caf\u00e9' });
  });

  it('writes what they read, and leaves alone what they hold', async () => {
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: redisUrl, streamPrefix });
    const raw = rawClient();
    const key = `${streamPrefix}:tasks:eng`;
    await raw.xgroup('CREATE', key, 'cortex-agents', '0', 'MKSTREAM');
    await bus.publish('tasks:eng', '{"text":"hello"}');
    const reply = (await raw.xreadgroup('GROUP', 'cortex-agents', 'forge-1', 'COUNT', 10, 'BLOCK', 1_000, 'STREAMS', key, '>')) as [string, [string, string[]][]][];
    const [[id, fields] = ['', []]] = reply[0]?.[1] ?? [];
    expect(fields).toEqual(['type', 'task', 'payload', '{"text":"hello"}']);
    const subscription = bus.subscribe('tasks:eng');
    await bus.publish('tasks:eng', 'for us');
    expect((await take(subscription)).text()).toBe('for us');
    expect(await raw.xack(key, 'cortex-agents', id)).toBe(1);
  });

  it('shares a group with them: each message goes to one side', async () => {
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: redisUrl, streamPrefix });
    const raw = rawClient();
    const key = `${streamPrefix}:results`;
    const subscription = bus.subscribe('results', { maxInFlight: 100 });
    await Promise.all(Array.from({ length: 50 }, (_, index) => bus.publish('results', String(index), { msgType: 'result' })));
    const theirs: string[] = [];
    const ours: string[] = [];
    const readTheirs = async () => {
      const reply = (await raw.xreadgroup('GROUP', 'cortex-agents', 'forge-1', 'COUNT', 5, 'STREAMS', key, '>')) as [string, [string, string[]][]][] | null;
      for (const [id, fields] of reply?.[0]?.[1] ?? []) {
        theirs.push(fields[3] ?? '');
        await raw.xack(key, 'cortex-agents', id);
      }
    };
    await until(() => raw.xinfo('GROUPS', key));
    while (ours.length + theirs.length < 50) {
      await readTheirs();
      if (ours.length + theirs.length < 50) ours.push(...(await takeTexts(subscription, 1)));
    }
    expect([...ours, ...theirs].map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });
});
