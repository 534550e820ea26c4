import { expect } from 'vitest';

import { BusFullError, BusSerializationError, LeaseLostError } from '../errors.ts';
import { catchError, decode, take, takeTexts, type Promised } from './contract-bus.ts';

/** How a loan ends, and what happens then. */
export function settlementPromises(promise: Promised): void {
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

  promise('adds a follow-up with the acknowledgement of a message, and one only', async ({ bus }) => {
    const msgIds = await Promise.all(Array.from({ length: 50 }, (_, index) => bus.publish('s', String(index), index % 2 === 0 ? {} : { dedupId: `k${index}` })));
    const subscription = bus.subscribe('s', { maxInFlight: 50 });
    const deliveries = await Promise.all(msgIds.map(() => take(subscription)));
    await Promise.all(deliveries.map((delivery) => delivery.ack({ publish: { stream: 'results', payload: `done ${delivery.text()}`, msgType: 'result' } })));
    await expect(deliveries[0]?.ack({ publish: { stream: 'results', payload: 'twice' } })).rejects.toBeInstanceOf(LeaseLostError);
    const results = bus.subscribe('results', { maxInFlight: 50 });
    const told = await Promise.all(msgIds.map(() => take(results)));
    expect(told.map((result) => result.text()).toSorted()).toEqual(msgIds.map((_, index) => `done ${index}`).toSorted());
    expect(told[0]?.msgType).toBe('result');
    expect((await bus.inspect('results')).length).toBe(50);
    const published = await bus.findPublished('s', 'k7');
    expect(published).toMatchObject({ msgId: msgIds[7] });
    expect(decode(await bus.fetch('results', published?.followUpId ?? ''))).toBe('done 7');
  });

  promise('a message that is no longer the holder\'s has no follow-up', async ({ bus }) => {
    await bus.publish('s', 'work');
    const delivery = await take(bus.subscribe('s', { group: 'g' }));
    await bus.ack('s', 'g', delivery.msgId);
    await expect(delivery.ack({ publish: { stream: 'results', payload: 'late' } })).rejects.toBeInstanceOf(LeaseLostError);
    expect((await bus.inspect('results')).length).toBe(0);
  });

  promise('a follow-up that finds no room leaves the message with its holder', async ({ bus }) => {
    await bus.createGroup('results', 'readers');
    for (let index = 0; index < 5; index += 1) await bus.publish('results', String(index));
    await bus.publish('s', 'work');
    const delivery = await take(bus.subscribe('s', { group: 'g' }));
    await expect(delivery.ack({ publish: { stream: 'results', payload: 'more' } })).rejects.toBeInstanceOf(BusFullError);
    await takeTexts(bus.subscribe('results', { group: 'readers' }), 5);
    await delivery.ack({ publish: { stream: 'results', payload: 'more' } });
    expect((await bus.inspect('s')).groups[0]?.pending).toBe(0);
  }, { maxBacklog: 5, maxLength: 1 });

  promise('tells of a dead letter in the same step', async ({ bus }) => {
    await bus.publish('s', 'poison');
    const subscription = bus.subscribe('s');
    const publish = { stream: 'results', payload: 'it failed' };
    expect(await (await take(subscription)).nack('one', { publish })).toBe('retry');
    expect((await bus.inspect('results')).length).toBe(0);
    expect(await (await take(subscription)).nack('two', { publish })).toBe('dead_letter');
    await bus.publish('s', 'worse');
    await (await take(subscription)).deadLetter('at once', { publish: { stream: 'results', payload: 'it failed too' } });
    expect(await takeTexts(bus.subscribe('results'), 2)).toEqual(['it failed', 'it failed too']);
  }, { maxRetries: 1 });

  promise('knows what was published of a dead letter, and does not take it for lost', async ({ bus }) => {
    const subscription = bus.subscribe('s');
    const publish = { stream: 'results', payload: 'it failed' };
    for (const [dedupId, settle] of [['k1', 'nack'], ['k2', 'deadLetter']] as const) {
      const msgId = await bus.publish('s', 'poison', { dedupId });
      await (await take(subscription))[settle]('no', { publish });
      const published = await bus.findPublished('s', dedupId);
      expect(decode(await bus.fetch('results', published?.followUpId ?? ''))).toBe('it failed');
      expect(await bus.restore('s', dedupId, 'poison')).toEqual({ msgId, outcome: 'settled' });
    }
  }, { maxRetries: 0 });

  promise('hands over what has used up its deliveries to who wants to settle it', async ({ bus, notices }) => {
    const msgId = await bus.publish('s', 'poison');
    await bus.readGroup('s', { group: 'g', consumer: 'died' });
    const delivery = await take(bus.subscribe('s', { group: 'g', takesExhausted: true }));
    expect(delivery).toMatchObject({ msgId, isExhausted: true, deliveryCount: 2 });
    expect(delivery.errors.join()).toContain('died stopped without settling');
    await delivery.deadLetter('given up', { publish: { stream: 'results', payload: 'given up' } });
    expect((await bus.deadLetters('s'))[0]).toMatchObject({ msgId, group: 'g' });
    expect((await bus.inspect('results')).length).toBe(1);
    expect(notices).toContainEqual({ type: 'bus.dead_lettered', stream: 's', group: 'g', msgId, error: 'given up' });
  }, { claimIdleMs: 200, leaseMs: 100, sweepMs: 20, maxRetries: 0 });

  promise('tells what earlier attempts reported', async ({ bus }) => {
    await bus.publish('s', 'work');
    const subscription = bus.subscribe('s');
    const first = await take(subscription);
    expect(first.errors).toEqual([]);
    await first.nack('no luck');
    expect((await take(subscription)).errors).toEqual(['no luck']);
  });

  // Weakness 23: nothing could be put off.
  promise('gives back for later what can not be begun now, without counting it', async ({ bus }) => {
    await bus.publish('s', 'later');
    await bus.publish('s', 'now');
    const subscription = bus.subscribe('s');
    const delivery = await take(subscription);
    await delivery.release({ delayMs: 100 });
    expect(await takeTexts(subscription, 1)).toEqual(['now']);
    expect(await take(subscription)).toMatchObject({ msgId: delivery.msgId, deliveryCount: 1, errors: [] });
  });

  promise('takes a message back before anybody has it', async ({ bus }) => {
    await bus.createGroup('s', 'g');
    const msgId = await bus.publish('s', 'unwanted', { dedupId: 'k' });
    await bus.publish('s', 'wanted');
    expect(await bus.revoke('s', msgId, { publish: { stream: 'results', payload: 'cancelled' } })).toBe(true);
    expect(await bus.revoke('s', msgId, { publish: { stream: 'results', payload: 'cancelled' } })).toBe(false);
    expect(await takeTexts(bus.subscribe('s', { group: 'g' }), 1)).toEqual(['wanted']);
    expect(await bus.fetch('s', msgId)).toBeUndefined();
    expect(decode(await bus.fetch('results', (await bus.findPublished('s', 'k'))?.followUpId ?? ''))).toBe('cancelled');
    expect(await takeTexts(bus.subscribe('results'), 1)).toEqual(['cancelled']);
    expect((await bus.inspect('results')).length).toBe(1);
  });

  promise('counts what waits, also when the newest message was taken back before anybody had it', async ({ bus }) => {
    const subscription = bus.subscribe('s', { group: 'g' });
    const publish = async (count: number) => bus.publish('s', `message ${count}`);
    for (const count of [1, 2]) await publish(count);
    await takeTexts(subscription, 2);
    await subscription.stop();
    const waits = await publish(3);
    expect(await bus.revoke('s', await publish(4))).toBe(true);
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 0, waiting: 1 }]);
    expect(await bus.revoke('s', waits)).toBe(true);
    expect((await bus.inspect('s')).groups).toEqual([{ name: 'g', pending: 0, waiting: 0 }]);
  });

  promise('takes a message back from whoever works on it', async ({ bus }) => {
    const msgId = await bus.publish('s', 'unwanted');
    const delivery = await take(bus.subscribe('s', { group: 'g' }));
    const told = new Promise<void>((resolve) => delivery.signal.addEventListener('abort', () => resolve()));
    expect(await bus.revoke('s', msgId)).toBe(true);
    await told;
    await expect(delivery.ack({ publish: { stream: 'results', payload: 'done' } })).rejects.toBeInstanceOf(LeaseLostError);
    expect((await bus.inspect('results')).length).toBe(0);
    expect((await bus.inspect('s')).groups[0]?.pending).toBe(0);
  });

  promise('can not take back what is done', async ({ bus }) => {
    const msgId = await bus.publish('s', 'work');
    await (await take(bus.subscribe('s'))).ack();
    expect(await bus.revoke('s', msgId, { publish: { stream: 'results', payload: 'cancelled' } })).toBe(false);
    expect(await bus.revoke('s', '1-1')).toBe(false);
    expect((await bus.inspect('results')).length).toBe(0);
  });
}
