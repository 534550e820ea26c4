import { InvalidInputError } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { BusConfig } from '../config/index.ts';
import { BusClosedError, BusConflictError, BusFullError, BusSerializationError, LeaseLostError } from '../errors.ts';
import type { BusNotice, Delivery, MessageBus, Subscription } from '../message-bus.ts';

/** Opens a bus of the adapter. Buses opened with the same `space` share their streams where the adapter can; `onNotice` is passed on. */
export type OpenMessageBus = (space: string, config: BusConfig, onNotice?: (notice: BusNotice) => void) => Promise<MessageBus>;

let spaces = 0;

/**
 * The promises of {@link MessageBus}, for every adapter.
 *
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeMessageBusContract(name: string, open: OpenMessageBus, exceptions: Readonly<Record<string, string>> = {}): void {
  const promise = (title: string, check: (context: { bus: MessageBus; notices: BusNotice[] }) => Promise<void>, config: BusConfig = {}) => {
    const reason = exceptions[title];
    if (reason !== undefined) {
      it.skip(`${title} (${reason})`, () => {});
      return;
    }
    it(title, async () => {
      const notices: BusNotice[] = [];
      const bus = await open(`contract-${(spaces += 1)}`, { ...quick, ...config }, (notice) => notices.push(notice));
      onTestFinished(() => bus.close());
      await check({ bus, notices });
    });
  };

  describe(`${name} keeps the contract of a message bus`, () => {
    promise('delivers a message with its payload, type, stream and group', async ({ bus }) => {
      const msgId = await bus.publish('tasks:eng', 'caf\u00e9 \u{1f980}', { msgType: 'question' });
      const subscription = bus.subscribe('tasks:eng', { group: 'g' });
      const delivery = await take(subscription);
      expect(delivery).toMatchObject({ msgId, msgType: 'question', stream: 'tasks:eng', group: 'g', deliveryCount: 1, resumed: false });
      expect(delivery.text()).toBe('caf\u00e9 \u{1f980}');
      await delivery.ack();
    });

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

    promise('leaves waiting work to a consumer that is idle', async ({ bus }) => {
      const [busy, idle] = [bus.subscribe('s', { group: 'g' }), bus.subscribe('s', { group: 'g' })];
      for (let index = 0; index < 4; index += 1) await bus.publish('s', String(index));
      await take(busy); // and works on it for long
      expect(await takeTexts(idle, 3)).toHaveLength(3);
    });

    promise('delivers again what failed, after a backoff, and counts', async ({ bus }) => {
      await bus.publish('s', 'work');
      const subscription = bus.subscribe('s');
      const first = await take(subscription);
      expect(await first.nack(new Error('first failure'))).toBe('retry');
      const second = await take(subscription);
      expect(second).toMatchObject({ msgId: first.msgId, deliveryCount: 2, resumed: true });
      await second.ack();
      expect((await bus.inspect('s')).groups[0]).toMatchObject({ pending: 0, waiting: 0 });
    });

    promise('works on other messages while a failed one waits for its retry', async ({ bus }) => {
      await bus.publish('s', 'bad');
      await bus.publish('s', 'good');
      const subscription = bus.subscribe('s');
      await (await take(subscription)).nack('no', { delayMs: 60_000 });
      expect((await take(subscription)).text()).toBe('good');
    });

    promise('makes a dead letter of what failed once more than maxRetries, with all errors', async ({ bus, notices }) => {
      const msgId = await bus.publish('s', 'poison', { msgType: 'bad' });
      const subscription = bus.subscribe('s', { group: 'g' });
      for (const reason of ['one', 'two']) expect(await (await take(subscription)).nack(reason)).toBe('retry');
      expect(await (await take(subscription)).nack('three')).toBe('dead_letter');
      const [letter, ...others] = await bus.deadLetters('s');
      expect(others).toEqual([]);
      expect(letter).toMatchObject({ msgId, stream: 's', group: 'g', msgType: 'bad', deliveryCount: 3, errors: ['one', 'two', 'three'] });
      expect(new TextDecoder().decode(letter?.payload)).toBe('poison');
      expect(await bus.inspect('s')).toMatchObject({ groups: [{ pending: 0, waiting: 0 }], deadLetters: 1 });
      expect(notices).toContainEqual({ type: 'bus.dead_lettered', stream: 's', group: 'g', msgId, error: 'three' });
    }, { maxRetries: 2 });

    promise('makes a dead letter at once of what can not be read', async ({ bus }) => {
      await bus.publish('s', '{"half":');
      await bus.publish('s', 'fine');
      const subscription = bus.subscribe('s');
      const delivery = await take(subscription);
      const problem = catchError(() => delivery.json());
      expect(problem).toBeInstanceOf(BusSerializationError);
      expect(await delivery.nack(problem)).toBe('dead_letter');
      expect((await take(subscription)).text()).toBe('fine');
      expect((await bus.deadLetters('s'))[0]?.errors[0]).toContain('no JSON');
    });

    promise('delivers a dead letter again, only to the group that gave up on it', async ({ bus }) => {
      await bus.publish('s', 'repaired');
      const [a, b] = [bus.subscribe('s', { group: 'a' }), bus.subscribe('s', { group: 'b' })];
      await (await take(a)).deadLetter('the database was down');
      await (await take(b)).ack();
      const [letter] = await bus.deadLetters('s');
      expect(await bus.redeliver('s', letter?.deadLetterId ?? '')).toHaveLength(1);
      const again = await take(a);
      expect(again).toMatchObject({ deliveryCount: 1, group: 'a' });
      expect(again.text()).toBe('repaired');
      await bus.publish('s', 'next');
      expect((await take(b)).text()).toBe('next');
      expect(await bus.deadLetters('s')).toEqual([]);
      expect(await bus.redeliver('s', ['999-1'])).toEqual([]);
    });

    promise('lists dead letters in pages', async ({ bus }) => {
      const subscription = bus.subscribe('s', { maxInFlight: 5 });
      for (let index = 0; index < 5; index += 1) await bus.publish('s', String(index));
      for (let index = 0; index < 5; index += 1) await (await take(subscription)).deadLetter('no');
      const first = await bus.deadLetters('s', { limit: 2 });
      const rest = await bus.deadLetters('s', { after: first[1]?.deadLetterId ?? '' });
      expect([...first, ...rest].map(({ payload }) => new TextDecoder().decode(payload))).toEqual(['0', '1', '2', '3', '4']);
    });

    promise('gives back what was not begun, at once and without counting it', async ({ bus }) => {
      await bus.publish('s', 'work');
      const [first, second] = [bus.subscribe('s', { group: 'g' }), bus.subscribe('s', { group: 'g' })];
      const delivery = await Promise.race([take(first), take(second)]);
      await Promise.all([first.stop({ drainMs: 0 }), second.stop({ drainMs: 0 })]);
      expect(delivery.signal.aborted).toBe(true);
      expect(await take(bus.subscribe('s', { group: 'g' }))).toMatchObject({ msgId: delivery.msgId, deliveryCount: 1 });
    });

    promise('stop waits for work under way, takes nothing new and ends the iterator', async ({ bus }) => {
      await bus.publish('s', 'one');
      await bus.publish('s', 'two');
      const subscription = bus.subscribe('s', { group: 'g' });
      const delivery = await take(subscription);
      const stopped = subscription.stop({ drainMs: 60_000 });
      await delivery.ack();
      await stopped;
      expect(await subscription.next()).toEqual({ done: true, value: undefined });
      expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 0, waiting: 1 }]);
    });

    promise('leaving the loop gives back what is held', async ({ bus }) => {
      await bus.publish('s', 'work');
      for await (const delivery of bus.subscribe('s', { group: 'g' })) {
        expect(delivery.deliveryCount).toBe(1);
        break;
      }
      expect(await take(bus.subscribe('s', { group: 'g' }))).toMatchObject({ deliveryCount: 1 });
    });

    promise('refuses to settle a message twice', async ({ bus }) => {
      await bus.publish('s', 'work');
      const delivery = await take(bus.subscribe('s'));
      await delivery.ack();
      await expect(delivery.ack()).rejects.toBeInstanceOf(LeaseLostError);
      await expect(delivery.nack('late')).rejects.toBeInstanceOf(LeaseLostError);
    });

    promise('tells the holder of a message that is no longer its own', async ({ bus }) => {
      await bus.publish('s', 'work');
      const delivery = await take(bus.subscribe('s', { group: 'g' }));
      expect(await bus.ack('s', 'g', delivery.msgId)).toBe(1); // by an operator, say
      await expect(delivery.ack()).rejects.toBeInstanceOf(LeaseLostError);
      expect(delivery.signal.aborted).toBe(true);
    });

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

    promise('pushes back when a stream is full, and takes more when there is room', async ({ bus }) => {
      for (let index = 0; index < 50; index += 1) await bus.publish('s', String(index));
      const refused = await bus.publish('s', 'too much').catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(BusFullError);
      expect(refused).toMatchObject({ code: 'BUS_FULL', retryable: true, stream: 's' });
      await takeTexts(bus.subscribe('s'), 50);
      await bus.publish('s', 'fits');
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
  });
}

/** Short enough that a test of retries does not wait, long enough that nothing runs out by itself. */
const quick: BusConfig = { retryBackoffBaseMs: 5, retryBackoffMaxMs: 20, blockMs: 1_000 };

async function take(subscription: Subscription): Promise<Delivery> {
  const { value, done } = await subscription.next();
  if (done === true || value === undefined) throw new Error('the subscription has ended');
  return value;
}

/** Takes and acknowledges. */
async function takeTexts(subscription: Subscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  const acks: Promise<void>[] = [];
  while (texts.length < count) {
    const delivery = await take(subscription);
    texts.push(delivery.text());
    acks.push(delivery.ack());
  }
  await Promise.all(acks);
  return texts;
}

function catchError(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
