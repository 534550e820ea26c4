import { InvalidInputError, type JsonValue } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { BusClosedError } from '../errors.ts';
import type { BusEvent, EventBus, EventNotice } from '../event-bus.ts';

/** Opens a bus of the adapter that shares its events with no other test. */
export type OpenEventBus = (onNotice?: (notice: EventNotice) => void) => Promise<EventBus>;

/** The promises of {@link EventBus}, for every adapter. */
export function describeEventBusContract(name: string, open: OpenEventBus): void {
  const promise = (title: string, check: (context: { bus: EventBus; notices: EventNotice[]; collect: (pattern: string, options?: { source?: string | string[] }) => Promise<BusEvent[]> }) => Promise<void>) => {
    it(title, async () => {
      const notices: EventNotice[] = [];
      const bus = await open((notice) => notices.push(notice));
      onTestFinished(() => bus.close());
      const collect = async (pattern: string, options = {}) => {
        const seen: BusEvent[] = [];
        await bus.subscribe(pattern, (event) => void seen.push(event), options);
        return seen;
      };
      await check({ bus, notices, collect });
    });
  };
  const typesOf = (events: readonly BusEvent[]) => events.map(({ eventType }) => eventType);
  const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 });

  describe(`${name} keeps the contract of an event bus`, () => {
    promise('tells every subscriber, with type, source, data, time, cause and id', async ({ bus, collect }) => {
      const [a, b] = [await collect('task.done'), await collect('task.done')];
      const data: JsonValue = { taskId: 't1', nested: [1, null, 'caf\u00e9'] };
      const eventId = await bus.publish('task.done', data, { source: 'forge', cause: ['e0'] });
      await until(() => expect([a.length, b.length]).toEqual([1, 1]));
      expect(a[0]).toMatchObject({ eventId, eventType: 'task.done', source: 'forge', data, cause: ['e0'] });
      expect(a[0]?.timestamp).toBeGreaterThan(0);
    });

    promise('matches one word with *, the rest with **, everything with * alone', async ({ bus, collect }) => {
      const one = await collect('task.*');
      const rest = await collect('task.**');
      const middle = await collect('*.done');
      const all = await collect('*');
      const types = ['task.done', 'task.step.done', 'task', 'agent.done'];
      for (const type of types) await bus.publish(type, null, { source: 's' });
      await until(() => expect(typesOf(all)).toEqual(types));
      expect(typesOf(one)).toEqual(['task.done']);
      expect(typesOf(rest)).toEqual(['task.done', 'task.step.done']);
      expect(typesOf(middle)).toEqual(['task.done', 'agent.done']);
    });

    promise('filters by source', async ({ bus, collect }) => {
      const forge = await collect('*', { source: 'forge' });
      const agents = await collect('*', { source: ['agent.*', 'forge'] });
      const all = await collect('*');
      for (const source of ['forge', 'agent.one', 'other', 'forge2']) await bus.publish('x', source, { source });
      await until(() => expect(all).toHaveLength(4));
      expect(forge.map(({ source }) => source)).toEqual(['forge']);
      expect(agents.map(({ source }) => source)).toEqual(['forge', 'agent.one']);
    });

    promise('keeps the order of publishing, and calls a handler with one event at a time', async ({ bus }) => {
      const seen: JsonValue[] = [];
      let running = 0;
      let atOnce = 0;
      await bus.subscribe('n', async (event) => {
        running += 1;
        atOnce = Math.max(atOnce, running);
        await Promise.resolve();
        seen.push(event.data);
        running -= 1;
      });
      for (let index = 0; index < 200; index += 1) await bus.publish('n', index, { source: 's' });
      await until(() => expect(seen).toHaveLength(200));
      expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index));
      expect(atOnce).toBe(1);
    });

    promise('delivers an event id once', async ({ bus, collect }) => {
      const seen = await collect('*');
      for (let index = 0; index < 3; index += 1) await bus.publish('x', 1, { source: 's', eventId: 'same' });
      await bus.publish('end', 1, { source: 's' });
      await until(() => expect(typesOf(seen)).toContain('end'));
      expect(typesOf(seen)).toEqual(['x', 'end']);
    });

    promise('a handler that fails or hangs holds up nobody else, and is reported', async ({ bus, notices, collect }) => {
      await bus.subscribe('x', () => {
        throw new Error('broken handler');
      });
      let release = () => {};
      const hangs = new Promise<void>((resolve) => {
        release = resolve;
      });
      await bus.subscribe('x', () => hangs);
      const seen = await collect('x');
      await bus.publish('x', 1, { source: 's' });
      await bus.publish('x', 2, { source: 's' });
      await until(() => expect(seen).toHaveLength(2));
      release();
      expect(notices.filter(({ type }) => type === 'events.handler_failed')).toHaveLength(2);
      expect(notices[0]).toMatchObject({ pattern: 'x', error: 'broken handler' });
    });

    promise('tells a listener that asks for it what was published before, first and once', async ({ bus, collect }) => {
      const live = await collect('*');
      const publish = (type: string, n: number, eventId = `${type}-${n}`) => bus.publish(type, n, { source: 's', eventId });
      for (let n = 0; n < 3; n += 1) await publish('order.old', n);
      await until(() => expect(live).toHaveLength(3));
      await new Promise((resolve) => setTimeout(resolve, 20));
      const since = (live.at(-1)?.timestamp ?? 0) + 10;
      for (let n = 0; n < 700; n += 1) await publish(n % 7 === 0 ? 'noise' : 'order.paid', n);
      await publish('order.paid', 1);
      const seen: BusEvent[] = [];
      const subscribing = bus.subscribe('order.*', (event) => void seen.push(event), { since });
      for (let n = 700; n < 720; n += 1) await publish('order.paid', n);
      await subscribing;
      await publish('order.paid', 720);
      await until(() => expect(seen.at(-1)?.data).toBe(720));
      expect(seen.map(({ data }) => data)).toEqual(Array.from({ length: 721 }, (_, n) => n).filter((n) => n >= 700 || n % 7 !== 0));
      await expect(bus.subscribe('x', () => {}, { since: Number.NaN })).rejects.toBeInstanceOf(InvalidInputError);
    });

    promise('drops what a handler is too slow for, and says which', async ({ bus, notices }) => {
      let release = () => {};
      const hangs = new Promise<void>((resolve) => {
        release = resolve;
      });
      onTestFinished(() => release());
      await bus.subscribe('x', () => hangs, { maxQueued: 2 });
      const ids: string[] = [];
      for (let index = 0; index < 6; index += 1) ids.push(await bus.publish('x', index, { source: 's' }));
      await until(() => expect(notices.length).toBeGreaterThanOrEqual(3));
      release();
      expect(notices.every((notice) => notice.type === 'events.dropped' && ids.includes(notice.eventId))).toBe(true);
    });

    promise('ends a subscription, and only that one', async ({ bus, collect }) => {
      const seen: BusEvent[] = [];
      const end = await bus.subscribe('x', (event) => void seen.push(event));
      const others = await collect('x');
      await bus.publish('x', 1, { source: 's' });
      await until(() => expect(seen).toHaveLength(1));
      await end();
      await bus.publish('x', 2, { source: 's' });
      await until(() => expect(others).toHaveLength(2));
      expect(seen).toHaveLength(1);
    });

    promise('is not changed by what happens to data after it was published', async ({ bus, collect }) => {
      const seen = await collect('x');
      const data = { list: ['a'] };
      const published = bus.publish('x', data, { source: 's' });
      await published;
      data.list.push('b');
      await until(() => expect(seen).toHaveLength(1));
      expect(seen[0]?.data).toEqual({ list: ['a'] });
    });

    promise('refuses types, patterns and data that make no sense', async ({ bus }) => {
      for (const type of ['', 'a..b', 'a b', 'a.*', '.a']) await expect(bus.publish(type, 1, { source: 's' })).rejects.toBeInstanceOf(InvalidInputError);
      for (const pattern of ['', '**.a', 'a.*b', 'a b']) await expect(bus.subscribe(pattern, () => {})).rejects.toBeInstanceOf(InvalidInputError);
      await expect(bus.publish('x', Number.NaN, { source: 's' })).rejects.toBeInstanceOf(InvalidInputError);
    });

    promise('is healthy while open, and refuses work when closed', async ({ bus }) => {
      expect(await bus.health()).toMatchObject({ ok: true });
      await bus.close();
      expect(await bus.health()).toMatchObject({ ok: false });
      await expect(bus.publish('x', 1, { source: 's' })).rejects.toBeInstanceOf(BusClosedError);
    });
  });
}
