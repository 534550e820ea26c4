import type { Clock } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { MemoryBus } from './memory-bus.ts';

/** A clock whose hand the test moves. */
function handClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 1_000_000;
  const timers = new Map<object, { dueAt: number; callback: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    setTimer(delayMs, callback) {
      const timer = { cancel: () => void timers.delete(timer) };
      timers.set(timer, { dueAt: now + delayMs, callback });
      return timer;
    },
    async advance(ms) {
      now += ms;
      for (const [timer, { dueAt, callback }] of [...timers]) {
        if (dueAt > now) continue;
        timers.delete(timer);
        callback();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('MemoryBus, in time', () => {
  // D16
  it('knows a deduplication id to the last millisecond of its window, and not after', async () => {
    const clock = handClock();
    const bus = new MemoryBus({ clock }, { dedupWindowMs: 60_000 });
    const subscription = bus.subscribe('s');
    const first = await bus.publish('s', 'x', { dedupId: 'k' });
    await (await subscription.next()).value?.ack();
    await clock.advance(59_999);
    expect(await bus.publish('s', 'x', { dedupId: 'k' })).toBe(first);
    await clock.advance(1);
    expect(await bus.publish('s', 'x', { dedupId: 'k' })).not.toBe(first);
  });

  it('keeps a deduplication id beyond its window while the message is not acknowledged', async () => {
    const clock = handClock();
    const bus = new MemoryBus({ clock }, { dedupWindowMs: 1_000 });
    const first = await bus.publish('s', 'x', { dedupId: 'k' });
    const { value } = await bus.subscribe('s').next();
    await clock.advance(10_000);
    expect(await bus.publish('s', 'x', { dedupId: 'k' })).toBe(first);
    await value?.ack();
    expect(await bus.publish('s', 'x', { dedupId: 'k' })).not.toBe(first);
  });

  it('doubles the wait before each redelivery, up to the longest', async () => {
    const clock = handClock();
    const bus = new MemoryBus({ clock }, { retryBackoffBaseMs: 1_000, retryBackoffMaxMs: 3_000, maxRetries: 5 });
    await bus.publish('s', 'x');
    const subscription = bus.subscribe('s');
    for (const waitMs of [1_000, 2_000, 3_000, 3_000]) {
      await (await subscription.next()).value?.nack('no');
      await clock.advance(waitMs - 1);
      expect(await bus.inspect('s')).toMatchObject({ groups: [{ pending: 1 }] });
      let arrived = false;
      const next = subscription.next().then((result) => {
        arrived = true;
        return result;
      });
      await clock.advance(0);
      expect(arrived).toBe(false);
      await clock.advance(1);
      const { value } = await next;
      expect(value?.msgId).toBeDefined();
      await value?.release(); // not counted, and there again at once
    }
  });

  it('stop gives back after drainMs what is still worked on, and tells the handler', async () => {
    const clock = handClock();
    const bus = new MemoryBus({ clock });
    await bus.publish('s', 'x');
    const subscription = bus.subscribe('s');
    const { value } = await subscription.next();
    const stopped = subscription.stop({ drainMs: 5_000 });
    await clock.advance(0);
    await clock.advance(4_999);
    expect(value?.signal.aborted).toBe(false);
    await clock.advance(1);
    await stopped;
    expect(value?.signal.aborted).toBe(true);
    expect((await bus.subscribe('s').next()).value).toMatchObject({ deliveryCount: 1 });
  });

  it('a reader without leases keeps a message for claimIdleMs', async () => {
    const clock = handClock();
    const bus = new MemoryBus({ clock }, { claimIdleMs: 30_000 });
    await bus.publish('s', 'x');
    expect(await bus.readGroup('s', { consumer: 'a' })).toHaveLength(1);
    await clock.advance(29_999);
    expect(await bus.readGroup('s', { consumer: 'b' })).toHaveLength(0);
    await clock.advance(1);
    expect(await bus.readGroup('s', { consumer: 'b' })).toMatchObject([{ deliveryCount: 2 }]);
  });
});
