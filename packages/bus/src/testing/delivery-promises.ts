import { InvalidInputError } from '@cortex-runtime/core';
import { expect } from 'vitest';

import type { Delivery, Subscription } from '../message-bus.ts';
import { decode, take, takeTexts, type Promised } from './contract-bus.ts';

/** What is delivered to whom, in which order. */
export function deliveryPromises(promise: Promised): void {
  promise('delivers a message with its payload, type, stream and group', async ({ bus }) => {
    const msgId = await bus.publish('tasks:eng', 'caf\u00e9 \u{1f980}', { msgType: 'question' });
    const subscription = bus.subscribe('tasks:eng', { group: 'g' });
    const delivery = await take(subscription);
    expect(delivery).toMatchObject({ msgId, msgType: 'question', stream: 'tasks:eng', group: 'g', deliveryCount: 1, resumed: false });
    expect(delivery.text()).toBe('caf\u00e9 \u{1f980}');
    await delivery.ack();
  });

  promise('delivers in the order of publishing', async ({ bus }) => {
    const numbers = Array.from({ length: 300 }, (_, index) => String(index));
    await Promise.all(numbers.map((number) => bus.publish('s', number)));
    expect(await takeTexts(bus.subscribe('s', { maxInFlight: 50 }), 300)).toEqual(numbers);
  });

  promise('delivers what was published before the group existed', async ({ bus }) => {
    for (const text of ['a', 'b', 'c']) await bus.publish('s', text);
    expect(await takeTexts(bus.subscribe('s', { group: 'late' }), 3)).toEqual(['a', 'b', 'c']);
  });

  promise('starts a group at the end of the stream when told so', async ({ bus }) => {
    await bus.publish('s', 'old');
    await bus.createGroup('s', 'new', { start: 'end' });
    await bus.createGroup('s', 'new', { start: 'end' }); // once more changes nothing
    await bus.publish('s', 'fresh');
    expect(await takeTexts(bus.subscribe('s', { group: 'new' }), 1)).toEqual(['fresh']);
  });

  promise('gives every group every message, and within a group one consumer', async ({ bus }) => {
    const [a1, a2, b] = [bus.subscribe('s', { group: 'a' }), bus.subscribe('s', { group: 'a' }), bus.subscribe('s', { group: 'b', maxInFlight: 10 })];
    for (let index = 0; index < 10; index += 1) await bus.publish('s', String(index));
    const forB = await takeTexts(b, 10);
    const forA: string[] = [];
    const drain = async (subscription: Subscription) => {
      for await (const delivery of subscription) {
        forA.push(delivery.text());
        await delivery.ack();
        if (forA.length === 10) await Promise.all([a1.stop(), a2.stop()]);
      }
    };
    await Promise.all([drain(a1), drain(a2)]);
    expect(forB).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(forA.toSorted()).toEqual(forB);
  });

  promise('reads several streams in one subscription', async ({ bus }) => {
    const subscription = bus.subscribe(['one', 'two', 'three'], { maxInFlight: 3 });
    for (const stream of ['three', 'one', 'two']) await bus.publish(stream, stream);
    const found = [await take(subscription), await take(subscription), await take(subscription)];
    expect(found.map(({ stream, ...delivery }) => [stream, (delivery as Delivery).deliveryCount]).toSorted()).toEqual([['one', 1], ['three', 1], ['two', 1]]);
  });

  promise('holds no more messages at once than asked', async ({ bus }) => {
    for (let index = 0; index < 6; index += 1) await bus.publish('s', String(index));
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 2 });
    const [first, second] = [await take(subscription), await take(subscription)];
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 2, waiting: 4 }]);
    await first.ack();
    expect((await take(subscription)).text()).toBe('2');
    await second.ack();
    expect((await take(subscription)).text()).toBe('3');
  });

  promise('a message whose work is done leaves its place before it is settled', async ({ bus }) => {
    for (let index = 0; index < 3; index += 1) await bus.publish('s', String(index));
    const subscription = bus.subscribe('s', { group: 'g' });
    const first = await take(subscription);
    first.freePlace();
    first.freePlace();
    const second = await take(subscription);
    expect(second.text()).toBe('1');
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 2, waiting: 1 }]);
    await first.ack();
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 1, waiting: 1 }]);
    await second.ack();
    const third = await take(subscription);
    third.freePlace();
    const stopped = subscription.stop({ drainMs: 60_000 });
    await third.ack();
    await stopped;
    expect((await bus.inspect('s')).groups[0]).toMatchObject({ pending: 0 });
  });

  promise('takes as many messages as its limit allows, which may change', async ({ bus }) => {
    for (let index = 0; index < 6; index += 1) await bus.publish('s', String(index));
    const subscription = bus.subscribe(['s', 't'], { group: 'g', maxInFlight: 1 });
    const first = await take(subscription);
    subscription.limit(0);
    await first.ack();
    await bus.publish('t', 'other');
    await bus.publish('s', 'more');
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 0, waiting: 6 }]);
    subscription.limit(3);
    const held = [await take(subscription), await take(subscription), await take(subscription)];
    const pending = await Promise.all(['s', 't'].map(async (stream) => (await bus.inspect(stream)).groups[0]?.pending ?? 0));
    expect(pending[0] !== undefined && pending[1] !== undefined && pending[0] + pending[1]).toBe(3);
    await Promise.all(held.map((delivery) => delivery.ack()));
    expect(() => subscription.limit(-1)).toThrow(InvalidInputError);
  });

  // Weakness 21 (E41): one agent fetched all ten, the other had none.
  promise('leaves waiting work to a consumer that is idle', async ({ bus }) => {
    const [busy, idle] = [bus.subscribe('s', { group: 'g' }), bus.subscribe('s', { group: 'g' })];
    for (let index = 0; index < 4; index += 1) await bus.publish('s', String(index));
    await take(busy); // and works on it for long
    expect(await takeTexts(idle, 3)).toHaveLength(3);
  });

  promise('a subscription to several streams holds no more messages than asked', async ({ bus }) => {
    const streams = ['one', 'two', 'three'];
    for (const stream of streams) for (let index = 0; index < 3; index += 1) await bus.publish(stream, stream);
    const subscription = bus.subscribe(streams, { group: 'g' });
    const idle = bus.subscribe(streams, { group: 'g', maxInFlight: 8 });
    await take(subscription); // and works on it for long
    await takeTexts(idle, 8);
    const pending = await Promise.all(streams.map(async (stream) => (await bus.inspect(stream)).groups[0]?.pending ?? 0));
    expect(pending.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  promise('serves streams in their order when told so', async ({ bus }) => {
    for (let index = 0; index < 20; index += 1) await bus.publish('low', 'low');
    const subscription = bus.subscribe(['urgent', 'low'], { order: 'priority' });
    const first = await take(subscription);
    for (let index = 0; index < 3; index += 1) await bus.publish('urgent', 'urgent');
    await first.ack();
    const next = await takeTexts(subscription, 4);
    expect(next.filter((text) => text === 'urgent')).toHaveLength(3);
  });

  // Weakness 23
  promise('starves no stream, whatever comes before it', async ({ bus }) => {
    await Promise.all(Array.from({ length: 100 }, () => bus.publish('urgent', 'urgent')));
    await bus.publish('low', 'low');
    expect(await takeTexts(bus.subscribe(['urgent', 'low'], { order: 'priority' }), 20)).toContain('low');
    for (const stream of ['a', 'b']) await Promise.all(Array.from({ length: 20 }, () => bus.publish(stream, stream)));
    const fair = await takeTexts(bus.subscribe(['a', 'b']), 20);
    expect(new Set(fair)).toEqual(new Set(['a', 'b']));
  });

  promise('lets everybody watch a stream without consuming it', async ({ bus }) => {
    const before = await bus.publish('s', 'before');
    const [tail, both, late] = [await bus.tail('s'), await bus.tail(['s', 't']), await bus.tail('s', { after: before })];
    await bus.publish('s', 'one', { msgType: 'note' });
    await bus.publish('t', 'two');
    expect((await tail.next()).value).toMatchObject({ stream: 's', msgType: 'note' });
    expect([(await both.next()).value, (await both.next()).value].map((seen) => seen?.stream)).toEqual(['s', 't']);
    expect(decode((await late.next()).value)).toBe('one');
    expect(await takeTexts(bus.subscribe('s'), 2)).toEqual(['before', 'one']);
    const waiting = tail.next();
    await tail.stop();
    expect(await waiting).toEqual({ done: true, value: undefined });
    for (const each of [both, late]) await each.stop();
  });

  promise('reads for those who settle by id', async ({ bus }) => {
    for (const text of ['a', 'b', 'c']) await bus.publish('s', text);
    const messages = await bus.readGroup('s', { group: 'g', consumer: 'c1', count: 2 });
    expect(messages.map(({ payload, deliveryCount }) => [new TextDecoder().decode(payload), deliveryCount])).toEqual([['a', 1], ['b', 1]]);
    expect(await bus.ack('s', 'g', messages.map(({ msgId }) => msgId))).toBe(2);
    expect(await bus.ack('s', 'g', messages.map(({ msgId }) => msgId))).toBe(0);
    const [third] = await bus.readGroup('s', { group: 'g', consumer: 'c1' });
    expect(await bus.nack('s', 'g', third?.msgId ?? '', { reason: 'later' })).toBe('retry');
    const [again] = await bus.readGroup('s', { group: 'g', consumer: 'c2' });
    expect(again).toMatchObject({ msgId: third?.msgId, deliveryCount: 2, resumed: true });
    expect(await bus.nack('s', 'g', '1-1')).toBeUndefined();
  });

  promise('a read that blocks returns with the first message', async ({ bus }) => {
    const reading = bus.readGroup(['s', 't'], { group: 'g', consumer: 'c', blockMs: 30_000 });
    await bus.publish('t', 'hello');
    const messages = await reading;
    expect(messages).toMatchObject([{ stream: 't', deliveryCount: 1 }]);
  });

  promise('takes over what a reader has left lying', async ({ bus }) => {
    await bus.publish('s', 'left');
    const [left] = await bus.readGroup('s', { group: 'g', consumer: 'gone' });
    const delivery = await take(bus.subscribe('s', { group: 'g' }));
    expect(delivery).toMatchObject({ msgId: left?.msgId, deliveryCount: 2, resumed: true });
  }, { claimIdleMs: 200, leaseMs: 100, sweepMs: 20 });
}
