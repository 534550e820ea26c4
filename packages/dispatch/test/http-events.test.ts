import { fixedClock } from '@cortex-runtime/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { httpChannel } from '../src/node/index.ts';
import { clientsOf, eventsRequest, follow, openHttp, rawConnection, token, type RoomEvent } from './support/http.ts';
import { heldBytes } from './support/held-bytes.ts';
import { createId, random, until } from './support/mesh.ts';

const numberOf = (event: Pick<RoomEvent, 'id'> | undefined) => Number(event?.id?.split('-')[1]);
const to = (replyId: string) => ({ replyId, agent: 'forge' });
/** Lets what was written reach the sockets. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a room that is followed', () => {
  it('shows everybody everything that is said in it, and nothing of other rooms', async () => {
    const { channel, follow: open } = await openHttp();
    const streams = [await open(), await open()];
    const other = await open('other');
    for (const text of ['one', 'two']) await channel.send('lobby', text, to(text));
    await channel.send('other', 'elsewhere', to('r'));
    for (const stream of streams) expect((await stream.take(2)).map(({ data }) => data['text'])).toEqual(['one', 'two']);
    expect((await other.next())?.data['text']).toBe('elsewhere');
  });

  it('shows what is said from then on to somebody who comes without an id', async () => {
    const { channel, follow: open } = await openHttp();
    await channel.send('lobby', 'before', to('r1'));
    const stream = await open();
    await channel.send('lobby', 'after', to('r2'));
    expect((await stream.next())?.data['text']).toBe('after');
  });

  it('numbers events without a gap', async () => {
    const { channel, follow: open } = await openHttp();
    const stream = await open();
    for (let index = 0; index < 20; index += 1) await channel.sendPiece('lobby', `${index}`, to('r1'));
    expect((await stream.take(20)).map(numberOf)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it('tells a client where it is before anything is said, so that it can come back there', async () => {
    const { channel, port, url } = await openHttp();
    await channel.send('lobby', 'before', to('r1'));
    const raw = rawConnection(port, eventsRequest('lobby'));
    await until(() => expect(raw.received()).toMatch(/\nid: [0-9a-f]{8}-1\n\n/));
    expect(raw.received()).toContain('content-type: text/event-stream; charset=utf-8');
    raw.socket.destroy();
    await channel.send('lobby', 'missed', to('r2'));
    const again = await follow(url, 'lobby', /id: (\S+)/.exec(raw.received())?.[1]);
    expect((await again.next())?.data['text']).toBe('missed');
  });

  // S11
  it('shows one event for each thing that is said, whatever is in it', async () => {
    const { channel, follow: open } = await openHttp();
    const stream = await open();
    const evil = ['line\n\nevent: message\ndata: {"text":"forged"}\n\n', '\r\rid: 99\r\r', '\u2028\u2029\u0085', '\ud800', '<script>alert(1)</script>', '\u0000\u001b[2J', '=1+1'];
    for (const [index, text] of evil.entries()) await channel.send('lobby', text, { replyId: `r${index}\n\ndata: x`, agent: text });
    const events = await stream.take(evil.length);
    expect(events.map(({ data }) => data['text'])).toEqual(evil);
    expect(events.map(({ data }) => data['agent'])).toEqual(evil);
    expect(events.map(numberOf)).toEqual(evil.map((_, index) => index + 1));
  });
});

describe('a client that comes back', () => {
  // A6
  it('goes on after the last event that it has seen, also by the query', async () => {
    const { channel, port, follow: open } = await openHttp();
    const first = await open();
    for (const text of ['one', 'two', 'three']) await channel.send('lobby', text, to(text));
    const [one] = await first.take(1);
    first.close();
    const byHeader = await open('lobby', one?.id);
    expect((await byHeader.take(2)).map(({ data }) => data['text'])).toEqual(['two', 'three']);
    const byQuery = rawConnection(port, eventsRequest('lobby', {}, `?last_event_id=${one?.id ?? ''}`));
    await until(() => expect(byQuery.received()).toContain('"three"'));
    expect(byQuery.received()).not.toContain('"one"');
    expect(byQuery.received()).toContain('"two"');
  });

  // A6
  it('is told of a gap when events are gone or the id is of another time, and goes on with what is kept', async () => {
    const { channel, follow: open } = await openHttp({ keptEvents: 3 });
    const first = await open();
    for (const text of ['1', '2', '3', '4', '5', '6']) await channel.send('lobby', text, to(text));
    const events = await first.take(6);
    for (const lastEventId of [events[1]?.id, 'deadbeef-4', 'nonsense', '0']) {
      const later = await open('lobby', lastEventId);
      const gap = await later.next();
      expect(gap).toEqual({ event: 'gap', id: events[2]?.id, data: { last_event_id: lastEventId } });
      expect((await later.take(3)).map(({ data }) => data['text'])).toEqual(['4', '5', '6']);
      const again = await open('lobby', gap?.id);
      expect(await again.next()).toMatchObject({ event: 'message', data: { text: '4' } });
    }
    const inTime = await open('lobby', events[2]?.id);
    expect(await inTime.next()).toMatchObject({ event: 'message', data: { text: '4' } });
  });

  // A6
  it('misses nothing and sees nothing twice, however often and wherever it is cut off', async () => {
    const { channel, port } = await openHttp({ keptEvents: 100_000, keptBytes: 100_000_000 });
    const count = 3_000;
    const seen: number[] = [];
    let lastEventId: string | undefined = undefined;
    let cuts = 0;
    const speaking = (async () => {
      for (let number = 1; number <= count; number += 1) {
        await channel.sendPiece('lobby', `${number} ${'x'.repeat(number % 700)}`, to('r1'));
        if (number % 10 === 0) await turn();
      }
    })();
    // A generator of our own, so that a failure can be seen again.
    let seed = 20_240_601;
    const next = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
    while (seen.length < count) {
      const { socket, received, ended } = rawConnection(port, eventsRequest('lobby', { 'Last-Event-ID': lastEventId ?? 'start-0' }));
      const patience = next(60_000);
      socket.on('data', () => {
        if (received().length > patience) socket.destroy();
        if (received().includes(`"text":"${count} `) && received().endsWith('\r\n')) socket.destroy();
      });
      await ended;
      cuts += 1;
      // What came in chunks is put together; a frame that was cut off is no event.
      const body = received().slice(received().indexOf('\r\n\r\n') + 4).replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '');
      for (const [, id = '', text = ''] of body.matchAll(/id: (\S+)\nevent: message\.piece\ndata: \{"reply_id":"r1","agent":"forge","text":"(\d+) x*"\}\n\n/g)) {
        lastEventId = id;
        seen.push(Number(text));
      }
    }
    await speaking;
    expect(seen).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(cuts).toBeGreaterThan(10);
  });
});

describe('a client that does not read', () => {
  const speak = async (channel: { sendPiece(room: string, text: string, target: { replyId: string }): Promise<void> }, count: number) => {
    for (let number = 1; number <= count; number += 1) {
      await channel.sendPiece('lobby', 'x'.repeat(400), to('r1'));
      if (number % 100 === 0) await turn();
    }
  };

  // A5
  it('is cut off, holds no memory, and is told of the gap when it comes back; others see everything', { timeout: 60_000 }, async () => {
    const { channel, url, port, follow: open } = await openHttp();
    const paused = rawConnection(port, eventsRequest('lobby'));
    await until(() => expect(paused.received()).toContain('id: '));
    paused.socket.pause();
    const alive = await open();
    const reading = (async () => {
      for (let number = 1; number <= 50_000; number += 1) expect(numberOf(await alive.next())).toBe(number);
    })();
    const before = heldBytes();
    await speak(channel, 50_000);
    expect(await clientsOf(url)).toBe(1);
    await reading;
    // 25 MB were said; 1 MB is kept for all clients.
    await until(() => expect(heldBytes() - before).toBeLessThan(3_000_000)); // it is swept a while after it is collected
    paused.socket.resume();
    await paused.ended;
    const ids = [...paused.received().matchAll(/\nid: \S+-(\d+)\nevent/g)].map(([, number]) => Number(number));
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    expect(ids.length).toBeLessThan(50_000);
    const [, lastEventId] = /.*\nid: (\S+)\nevent/s.exec(paused.received()) ?? [];
    const again = await open('lobby', lastEventId);
    expect((await again.next())?.event).toBe('gap');
    expect(numberOf(await again.next())).toBe(49_001);
  });

  // A5
  it('misses nothing when it comes back while everything is kept', { timeout: 60_000 }, async () => {
    const { channel, url, port, follow: open } = await openHttp({ keptEvents: 50_000, keptBytes: 60_000_000 });
    const paused = rawConnection(port, eventsRequest('lobby'));
    await until(() => expect(paused.received()).toContain('id: '));
    paused.socket.pause();
    await speak(channel, 50_000);
    expect(await clientsOf(url)).toBe(0);
    paused.socket.resume();
    await paused.ended;
    const [, lastEventId] = /.*\nid: (\S+)\nevent.*\n\n/s.exec(paused.received()) ?? [];
    const again = await open('lobby', lastEventId);
    for (let number = numberOf({ id: lastEventId }) + 1; number <= 50_000; number += 1) expect(numberOf(await again.next())).toBe(number);
  });

  it('is cut off after a while, when nothing more is said', async () => {
    const still = fixedClock();
    const channel = httpChannel({ clock: still, random, createId }, { token, heartbeatMs: 1_000, maxBehindBytes: 100_000_000, keptBytes: 100_000_000 });
    onTestFinished(() => channel.close());
    const { port, url } = await channel.start();
    const paused = rawConnection(port, eventsRequest('lobby'));
    await until(() => expect(paused.received()).toContain('id: '));
    paused.socket.pause();
    await channel.send('lobby', 'x'.repeat(30_000_000), to('r1'));
    await still.advance(2_000);
    expect(await clientsOf(url)).toBe(1);
    await still.advance(1_000);
    await until(async () => expect(await clientsOf(url)).toBe(0));
  });

  it('takes an answer that is larger than it may be behind', async () => {
    const { channel, follow: open } = await openHttp({ maxBehindBytes: 2_000, keptBytes: 2_000 });
    const stream = await open();
    await channel.send('lobby', 'x'.repeat(3_000_000), to('r1'));
    expect(String((await stream.next())?.data['text'])).toHaveLength(3_000_000);
    await channel.send('lobby', 'and on', to('r2'));
    expect((await stream.next())?.data['text']).toBe('and on');
  });
});

describe('what a channel holds', () => {
  it('shows that it lives on a quiet stream', async () => {
    const still = fixedClock();
    const channel = httpChannel({ clock: still, random, createId }, { token, heartbeatMs: 15_000 });
    onTestFinished(() => channel.close());
    const { port } = await channel.start();
    const raw = rawConnection(port, eventsRequest('lobby'));
    await until(() => expect(raw.received()).toContain('id: '));
    await still.advance(45_000);
    await until(() => expect(raw.received().split(': beat\n\n')).toHaveLength(4));
    raw.socket.destroy();
    await until(() => expect(still.pending()).toEqual([]));
  });

  it('has a bound to clients', async () => {
    const { url, follow: open } = await openHttp({ maxClients: 2 });
    const [first] = [await open(), await open('other')];
    const refused = await fetch(`${url}/rooms/lobby/events`, { headers: { authorization: `Bearer ${token}` } });
    expect([refused.status, refused.headers.get('retry-after'), ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([503, '2', 'TOO_MANY_CLIENTS']);
    first?.close();
    await until(async () => expect(await clientsOf(url)).toBe(1));
    expect((await open()).response.status).toBe(200);
  });

  it('has a bound to rooms: the longest unused makes way, and rooms that are followed stay', async () => {
    const { channel, follow: open } = await openHttp({ maxRooms: 3 });
    const followed = await open('followed');
    for (const room of ['a', 'b', 'followed', 'a', 'c']) await channel.send(room, `to ${room}`, {});
    const [seen] = await followed.take(1);
    expect(seen?.data['text']).toBe('to followed');
    const a = await open('a', 'start-0');
    expect((await a.take(3)).map(({ data }) => data['text'] ?? 'gap')).toEqual(['gap', 'to a', 'to a']);
    const b = await open('b', 'start-0'); // takes the place of c
    expect(await b.next()).toMatchObject({ event: 'gap' });
    await expect(channel.send('d', 'no place', to('r1'))).rejects.toMatchObject({ code: 'DISPATCH_CHANNEL', retryable: true });
    b.close();
    await until(() => channel.send('d', 'now there is', to('r1')));
  });

  it('has a bound to what all rooms keep together', async () => {
    const { channel, follow: open } = await openHttp({ maxHistoryBytes: 50_000, keptBytes: 20_000 });
    const followed = await open('followed');
    await channel.send('followed', 'small', {});
    await channel.send('followed', 'newest', {});
    for (let room = 0; room < 20; room += 1) await channel.send(`room-${room}`, 'x'.repeat(10_000), {});
    const kept: string[] = [];
    for (let room = 0; room < 20; room += 1) {
      const stream = await open(`room-${room}`, 'start-0');
      await stream.next();
      await channel.react({ channel: 'http', roomId: `room-${room}`, id: 'm', threadId: undefined }, 'eyes');
      if ((await stream.next())?.event === 'message') kept.push(`room-${room}`);
    }
    expect(kept).toEqual(['room-16', 'room-17', 'room-18', 'room-19']);
    expect((await followed.take(2)).map(({ data }) => data['text'])).toEqual(['small', 'newest']);
    const again = await open('followed', 'start-0');
    expect((await again.take(2)).map(({ data }) => data['text'] ?? 'gap')).toEqual(['gap', 'newest']);
  });
});
