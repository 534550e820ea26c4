import { InvalidInputError } from '@cortex-runtime/core';
import { expect } from 'vitest';

import { BusClosedError, BusConflictError, BusFullError } from '../errors.ts';
import { decode, take, takeTexts, type Promised } from './contract-bus.ts';

/** What is taken, what is kept, and what is refused. */
export function publishingPromises(promise: Promised): void {
  promise('keeps any bytes as they are', async ({ bus }) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await bus.publish('s', bytes);
    await bus.publish('s', new Uint8Array(0));
    const subscription = bus.subscribe('s', { maxInFlight: 2 });
    expect([...(await take(subscription)).payload]).toEqual([...bytes]);
    expect((await take(subscription)).payload).toHaveLength(0);
  });

  promise('is not changed by what happens to a payload after it was published', async ({ bus }) => {
    const bytes = new TextEncoder().encode('before');
    const published = bus.publish('s', bytes);
    await published;
    bytes.fill(0);
    expect((await take(bus.subscribe('s'))).text()).toBe('before');
  });

  // Weakness 1 (E2), D11
  promise('never trims what some group has not acknowledged', async ({ bus }) => {
    await bus.createGroup('s', 'slow');
    const fast = bus.subscribe('s', { group: 'fast', maxInFlight: 100 });
    await Promise.all(Array.from({ length: 3_000 }, (_, index) => bus.publish('s', String(index))));
    await takeTexts(fast, 3_000);
    await Promise.all(Array.from({ length: 500 }, () => bus.publish('s', 'more')));
    expect((await bus.inspect('s')).length).toBe(3_500);
    const texts = await takeTexts(bus.subscribe('s', { group: 'slow', maxInFlight: 100 }), 3_500);
    expect(texts.slice(0, 3_000)).toEqual(Array.from({ length: 3_000 }, (_, index) => String(index)));
  }, { maxLength: 10 });

  promise('keeps a stream that is read short', async ({ bus }) => {
    const subscription = bus.subscribe('s', { maxInFlight: 100 });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 200 }, () => bus.publish('s', 'x')));
      await takeTexts(subscription, 200);
    }
    expect((await bus.inspect('s')).length).toBeLessThan(10 + 200 + 200);
  }, { maxLength: 10 });

  // Weakness 23: nothing limited what was handed in.
  promise('pushes back when a stream is full, and takes more when there is room', async ({ bus }) => {
    for (let index = 0; index < 50; index += 1) await bus.publish('s', String(index));
    const refused = await bus.publish('s', 'too much').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BusFullError);
    expect(refused).toMatchObject({ code: 'BUS_FULL', retryable: true, stream: 's' });
    await takeTexts(bus.subscribe('s'), 50);
    await bus.publish('s', 'fits');
  }, { maxBacklog: 50, maxLength: 5 });

  promise('takes several at once, in order, and says of each what became of it', async ({ bus }) => {
    const messages = Array.from({ length: 1_000 }, (_, index) => ({ payload: String(index), dedupId: `id-${index}` }));
    const ids = await bus.publishAll('s', messages);
    expect(new Set(ids).size).toBe(1_000);
    expect(await bus.publishAll('s', [...messages.slice(0, 3), { payload: 'other', dedupId: 'id-3' }, { payload: 'plain', msgType: 'note' }])).toEqual([ids[0], ids[1], ids[2], expect.any(BusConflictError), expect.any(String)]);
    const subscription = bus.subscribe('s', { maxInFlight: 100 });
    expect(await takeTexts(subscription, 1_001)).toEqual([...messages.map(({ payload }) => payload), 'plain']);
    expect(await bus.publishAll('s', [])).toEqual([]);
    for (const wrong of [{ payload: 'x', dedupId: '' }, { payload: 7 as never }]) {
      await expect(bus.publishAll('s', [{ payload: 'fits' }, wrong])).rejects.toThrow(/^messages\[1\]\./);
    }
    expect((await bus.inspect('s')).length).toBe(1_001);
  });

  promise('takes of several as many as there is room for', async ({ bus }) => {
    const results = await bus.publishAll('s', Array.from({ length: 60 }, (_, index) => ({ payload: String(index) })));
    expect(results.slice(0, 50).every((result) => typeof result === 'string')).toBe(true);
    expect(results.slice(50).every((result) => result instanceof BusFullError)).toBe(true);
    expect(await takeTexts(bus.subscribe('s'), 50)).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
  }, { maxBacklog: 50, maxLength: 5 });

  promise('takes more again when a group that held the stream is removed', async ({ bus }) => {
    await bus.createGroup('s', 'gone');
    await bus.createGroup('s', 'here');
    for (let index = 0; index < 50; index += 1) await bus.publish('s', String(index));
    await takeTexts(bus.subscribe('s', { group: 'here' }), 50);
    await expect(bus.publish('s', 'too much')).rejects.toBeInstanceOf(BusFullError);
    expect(await bus.removeGroup('s', 'gone')).toBe(true);
    await bus.publish('s', 'fits');
    expect(await bus.removeGroup('s', 'gone')).toBe(false);
    expect(await bus.removeGroup('never', 'gone')).toBe(false);
    expect((await bus.inspect('s')).groups.map(({ name }) => name)).toEqual(['here']);
    await expect(bus.removeGroup('s', '')).rejects.toBeInstanceOf(InvalidInputError);
  }, { maxBacklog: 50, maxLength: 5 });

  promise('adds nothing for a deduplication id that it knows, and refuses the id for other work', async ({ bus }) => {
    const first = await bus.publish('s', 'pay', { dedupId: 'order-1' });
    const again = await Promise.all(Array.from({ length: 20 }, () => bus.publish('s', 'pay', { dedupId: 'order-1' })));
    expect(new Set(again)).toEqual(new Set([first]));
    expect((await bus.inspect('s')).length).toBe(1);
    const conflict = await bus.publish('s', 'pay twice', { dedupId: 'order-1' }).catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(BusConflictError);
    expect(conflict).toMatchObject({ msgId: first, dedupId: 'order-1' });
    expect(await bus.publish('s', 'pay', { dedupId: 'order-2' })).not.toBe(first);
    expect(await bus.publish('other', 'pay', { dedupId: 'order-1' })).toBeDefined();
  });

  promise('compares payloads by their bytes, however they were given and however long', async ({ bus }) => {
    for (const text of ['caf\u00e9', 'x'.repeat(5_000), '']) {
      const dedupId = `k${text.length}`;
      const first = await bus.publish('s', text, { dedupId });
      expect(await bus.publish('s', new TextEncoder().encode(text), { dedupId })).toBe(first);
      await expect(bus.publish('s', `${text}!`, { dedupId })).rejects.toBeInstanceOf(BusConflictError);
      await expect(bus.publish('s', text, { dedupId, msgType: 'other' })).rejects.toBeInstanceOf(BusConflictError);
    }
  });

  promise('one of many publishers that race with one deduplication id adds the message', async ({ bus }) => {
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => bus.publish('s', 'same', { dedupId: 'k' })));
    expect(new Set(outcomes).size).toBe(1);
    expect((await bus.inspect('s')).length).toBe(1);
  });

  promise('finds a message by its deduplication id, and says whether it is still there', async ({ bus }) => {
    const msgId = await bus.publish('s', 'work', { dedupId: 'order-1' });
    expect(await bus.findPublished('s', 'order-1')).toEqual({ msgId, isKept: true, followUpId: undefined });
    expect(await bus.findPublished('s', 'order-2')).toBeUndefined();
    expect(await bus.findPublished('other', 'order-1')).toBeUndefined();
    expect(decode(await bus.fetch('s', msgId))).toBe('work');
    await bus.revoke('s', msgId);
    expect(await bus.findPublished('s', 'order-1')).toMatchObject({ msgId, isKept: false });
  });

  promise('publishes again what is no longer there, and only that', async ({ bus }) => {
    const msgId = await bus.publish('s', 'work', { dedupId: 'k' });
    expect(await bus.restore('s', 'k', 'work')).toEqual({ msgId, outcome: 'kept' });
    await bus.revoke('s', msgId); // or a trim by hand
    const restored = await bus.restore('s', 'k', 'work');
    expect(restored.outcome).toBe('restored');
    expect(restored.msgId).not.toBe(msgId);
    expect(await bus.publish('s', 'work', { dedupId: 'k' })).toBe(restored.msgId);
    expect((await bus.restore('s', 'new', 'work')).outcome).toBe('restored');
    await expect(bus.restore('s', 'k', 'other work')).rejects.toBeInstanceOf(BusConflictError);
    const delivery = await take(bus.subscribe('s'));
    await delivery.ack({ publish: { stream: 'results', payload: 'done' } });
    expect(await bus.restore('s', 'k', 'work')).toEqual({ msgId: delivery.msgId, outcome: 'settled' });
    expect((await bus.inspect('s')).length).toBe(2);
  });

  // Weakness 1 (E2): results were trimmed at 3,000, read or not.
  promise('keeps the newest of a stream that nobody reads, when told so, and everything as soon as somebody does', async ({ bus }) => {
    const publish = (index: number) => bus.publish('s', String(index), { maxLength: 10, whileUnread: 'trim' });
    for (let index = 0; index < 500; index += 1) await publish(index);
    const { length } = await bus.inspect('s');
    expect(length).toBeGreaterThanOrEqual(10);
    expect(length).toBeLessThan(300);
    await bus.createGroup('s', 'g');
    for (let index = 500; index < 800; index += 1) await publish(index);
    const texts = await takeTexts(bus.subscribe('s', { group: 'g', maxInFlight: 50 }), length + 300);
    expect(texts.at(-1)).toBe('799');
    expect(texts.slice(-300)).toEqual(Array.from({ length: 300 }, (_, index) => String(500 + index)));
  }, { maxBacklog: 400 });

  promise('refuses names, counts and ids that make no sense', async ({ bus }) => {
    for (const stream of ['', 'a b', 'a{b}', 'line\nbreak', 'x'.repeat(600)]) {
      await expect(bus.publish(stream, 'x')).rejects.toBeInstanceOf(InvalidInputError);
      expect(() => bus.subscribe(stream)).toThrow(InvalidInputError);
    }
    expect(() => bus.subscribe([])).toThrow(InvalidInputError);
    expect(() => bus.subscribe('s', { maxInFlight: 0 })).toThrow(InvalidInputError);
    expect(() => bus.subscribe('s', { group: 'a~b' })).toThrow(InvalidInputError);
    await expect(bus.publish('s', 'x', { dedupId: '' })).rejects.toBeInstanceOf(InvalidInputError);
    await expect(bus.publish('s', 'x', { dedupId: 'x'.repeat(256) })).rejects.toBeInstanceOf(InvalidInputError);
    await expect(bus.readGroup('s', { consumer: 'c', count: 0 })).rejects.toBeInstanceOf(InvalidInputError);
  });

  promise('is healthy while open, and says so when it is not', async ({ bus }) => {
    const health = await bus.health();
    expect(health.ok).toBe(true);
    expect(health.latencyMs).toBeTypeOf('number');
    await bus.close();
    expect(await bus.health()).toMatchObject({ ok: false });
  });

  promise('close ends subscriptions and refuses work', async ({ bus }) => {
    const subscription = bus.subscribe('s');
    const waiting = subscription.next();
    await bus.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await expect(bus.publish('s', 'x')).rejects.toBeInstanceOf(BusClosedError);
    expect(() => bus.subscribe('s')).toThrow(BusClosedError);
    await bus.close();
  });
}
