import { connect, type Socket } from 'node:net';

import { readServerSentEvents } from '@cortex-runtime/orchestration-client';
import { onTestFinished } from 'vitest';

import { httpChannel, type HttpChannelOptions } from '../../src/node/index.ts';
import type { OpenedChannel, SeenInRoom } from '../../src/testing/index.ts';
import { clock, createId, random } from './mesh.ts';

export const token = 'a-token-that-is-long-enough';

/** A channel that serves on a free loopback port until the end of the test. */
export async function openHttp(options: HttpChannelOptions = {}) {
  const channel = httpChannel({ clock, random, createId }, { token, closeGraceMs: 500, ...options });
  onTestFinished(() => channel.close());
  const { url, port } = await channel.start();
  return { channel, url, port, post: (body: unknown, room = 'lobby') => call(url, 'POST', `/rooms/${room}/messages`, { body }), follow: (room = 'lobby', lastEventId?: string) => follow(url, room, lastEventId) };
}

export interface Called {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { error?: { code: string; message: string; fields?: string[]; error_id?: string } };
}

export async function call(url: string, method: string, path: string, given: { body?: unknown; raw?: string | Uint8Array; headers?: Record<string, string> } = {}): Promise<Called> {
  const body = given.raw ?? (given.body === undefined ? undefined : JSON.stringify(given.body));
  const response = await fetch(`${url}${path}`, {
    method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...given.headers }, ...(body === undefined ? {} : { body: body as never }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Called['body'] };
}

export interface RoomEvent {
  id: string | undefined;
  event: string;
  data: Record<string, unknown>;
}

/** Follows a room. The stream is open when it resolves. */
export async function follow(url: string, room: string, lastEventId?: string) {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(`${url}/rooms/${room}/events`, { headers: { authorization: `Bearer ${token}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }, signal: abort.signal });
  const stream = readServerSentEvents(response.body as unknown as AsyncIterable<Uint8Array>);
  const events: RoomEvent[] = [];
  /** The next event; undefined when the stream has ended, however it has. */
  const next = async (): Promise<RoomEvent | undefined> => {
    const { value } = await stream.next().catch(() => ({ value: undefined }));
    if (value === undefined) return undefined;
    const event = { id: value.id, event: value.event, data: JSON.parse(value.data) as Record<string, unknown> };
    events.push(event);
    return event;
  };
  const take = async (count: number): Promise<RoomEvent[]> => {
    const taken: RoomEvent[] = [];
    while (taken.length < count) {
      const event = await next();
      if (event === undefined) throw new Error(`the stream ended after ${taken.length} of ${count} events`);
      taken.push(event);
    }
    return taken;
  };
  return { response, events, next, take, close: () => abort.abort() };
}

/** A connection that sends what it is told to, and reads when it is told to. */
export function rawConnection(port: number, text: string): { socket: Socket; received: () => string; ended: Promise<void> } {
  const socket = connect(port, '127.0.0.1');
  socket.write(text);
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  socket.on('error', () => {});
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, received: () => received, ended };
}

export function eventsRequest(room: string, headers: Record<string, string> = {}, query = ''): string {
  return `GET /rooms/${room}/events${query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

export async function clientsOf(url: string): Promise<number> {
  return (await call(url, 'GET', '/health')).body['clients'] as number;
}

/** The room of the contract: somebody follows it, and writes there. */
export async function watchRoom({ follow: open, post }: Awaited<ReturnType<typeof openHttp>>, channel: OpenedChannel['channel']): Promise<OpenedChannel> {
  const stream = await open();
  const told: ('nobody' | 'failed')[] = [];
  let markers = 0;
  return {
    channel, roomId: 'lobby',
    async say(text) {
      const { status } = await post({ text, sender_id: 'u1' });
      if (status !== 202) told.push(status === 404 ? 'nobody' : 'failed');
    },
    told: () => told,
    async seen() {
      markers += 1;
      await channel.send('lobby', `marker ${markers}`);
      for (let event = await stream.next(); event?.data['text'] !== `marker ${markers}`; event = await stream.next()) if (event === undefined) throw new Error('the stream ended');
      return readRoom(stream.events.filter(({ data }) => !String(data['text']).startsWith('marker ')));
    },
  };
}

/** What somebody sees who follows a room: pieces, until the answer takes their place. */
export function readRoom(events: readonly RoomEvent[]): SeenInRoom {
  const answers = new Map<string, { agent: string; text: string }>();
  const reactions: string[] = [];
  for (const { event, id = '', data } of events) {
    const key = String(data['reply_id'] ?? id);
    const [agent, text] = [String(data['agent']), String(data['text'])];
    if (event === 'message.piece') answers.set(key, { agent, text: (answers.get(key)?.text ?? '') + text });
    else if (event === 'message') answers.set(key, { agent, text });
    else if (event === 'message.discarded') answers.delete(key);
    else if (event === 'reaction' && data['is_removed'] === false) reactions.push(String(data['emoji']));
  }
  return { answers: [...answers.values()], reactions };
}

