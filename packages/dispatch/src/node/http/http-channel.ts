import type { IncomingMessage, ServerResponse } from 'node:http';

import { InvalidInputError, randomHex, silentLogger, toDocument, type Logger } from '@cortex-runtime/core';
import { z } from 'zod';

import type { ChannelMessage, MessageReference } from '../../channel/channel-message.ts';
import type { AgentActivity, ChannelProvider, MessageSource, ReplyTarget } from '../../channel/channel-provider.ts';
import { ChannelError } from '../../errors.ts';
import { TakenReplies } from '../taken-replies.ts';
import { BoundServer } from './bound-server.ts';
import { EventStreams } from './event-streams.ts';
import { checkAccess } from './http-access.ts';
import { HttpChannelOptions, type HttpChannelDependencies, type HttpChannelSettings } from './http-channel-options.ts';
import { HttpChannelEvents, HttpMessageAnswer, HttpRoomId, type HttpChannelEvent, type HttpChannelEventName } from './http-contract.ts';
import { HttpRefusal } from './http-refusal.ts';
import { readJsonBody } from './json-body.ts';
import { problemAnswer } from './problem-answer.ts';
import { readMessage } from './read-message.ts';
import { Rooms } from './rooms.ts';

export interface HttpChannel extends Required<Omit<ChannelProvider, 'followThread'>>, MessageSource {
  /** @throws ChannelStartError when the address can not be bound */
  start(): Promise<{ host: string; port: number; url: string }>;
  /** Takes nothing more, ends all streams, and waits for messages that are being taken, at most `closeGraceMs`. */
  close(): Promise<void>;
}

type Handler = (message: ChannelMessage) => Promise<unknown>;

/** What a handler may tell of what became of a message, and everybody may know. */
const Outcome = z.object({ taskId: z.string().optional(), agent: z.string().optional(), domain: z.string().optional(), isDuplicate: z.boolean().optional() });

/**
 * Rooms over HTTP: `POST /rooms/{room}/messages` hands in a message, `GET /rooms/{room}/events` follows what is said there as server-sent events, `GET /health` says that it is there.
 *
 * A message is answered with 202 when the handler has resolved; with a `TaskDispatcher` its task is then on the bus. What agents say is kept in memory, the newest of each room, for
 * clients that come (back) with `Last-Event-ID`; `send` resolves when the room has it.
 *
 * States: created → `start` → serving → `close` → closed; after that agents are told that it takes nothing more.
 *
 * @throws zod's error for options that make no sense, such as serving without a token elsewhere than on a loopback address
 */
export function httpChannel(deps: HttpChannelDependencies, options: HttpChannelOptions): HttpChannel {
  return new NodeHttpChannel(deps, HttpChannelOptions.parse(options));
}

class NodeHttpChannel implements HttpChannel {
  readonly name: string;
  readonly #deps: HttpChannelDependencies;
  readonly #logger: Logger;
  readonly #settings: HttpChannelSettings;
  readonly #rooms: Rooms;
  readonly #streams: EventStreams;
  readonly #server: BoundServer;
  readonly #taken = new TakenReplies();
  #handler: Handler | undefined;
  #pending = 0;
  #isClosed = false;

  constructor(deps: HttpChannelDependencies, settings: HttpChannelSettings) {
    this.name = settings.name;
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#settings = settings;
    this.#rooms = new Rooms(deps, settings);
    this.#streams = new EventStreams({ rooms: this.#rooms, clock: deps.clock }, settings);
    this.#server = new BoundServer(deps.clock, settings, (request, response) => void this.#respond(request, response));
  }

  async start(): Promise<{ host: string; port: number; url: string }> {
    if (this.#isClosed) throw new InvalidInputError('start', 'this channel was closed; make another one');
    return this.#server.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#streams.end();
    await this.#server.close();
  }

  async listen(handler: Handler): Promise<() => Promise<void>> {
    if (this.#handler !== undefined) throw new InvalidInputError('handler', 'this channel has one already; end that one first');
    this.#handler = handler;
    return async () => {
      if (this.#handler === handler) this.#handler = undefined;
    };
  }

  async send(roomId: string, text: string, { replyId, agent, threadId }: ReplyTarget = {}): Promise<{ messageId: string }> {
    this.#assertOpen();
    const known = this.#taken.find(replyId);
    if (known !== undefined) return { messageId: known };
    const messageId = this.#deps.createId();
    this.#publish(roomId, 'message', { messageId, replyId, agent, threadId, text });
    this.#taken.take(replyId, messageId);
    return { messageId };
  }

  async sendPiece(roomId: string, piece: string, { replyId, agent, threadId }: ReplyTarget & { replyId: string }): Promise<void> {
    this.#assertOpen();
    if (this.#taken.find(replyId) === undefined) this.#publish(roomId, 'message.piece', { replyId, agent, threadId, text: piece });
  }

  async discardReply(roomId: string, { replyId, agent, threadId }: ReplyTarget & { replyId: string }): Promise<void> {
    this.#assertOpen();
    if (this.#taken.find(replyId) === undefined) this.#publish(roomId, 'message.discarded', { replyId, agent, threadId });
  }

  async react({ roomId, id, threadId }: MessageReference, emoji: string, options: { remove?: boolean } = {}): Promise<void> {
    this.#assertOpen();
    this.#publish(roomId, 'reaction', { messageId: id, emoji, isRemoved: options.remove === true, threadId });
  }

  async publishAgentActivity({ roomId, parentMessageId, threadId, taskId, agentIdentity, phase, text, metadata, includeInContext }: AgentActivity): Promise<void> {
    this.#assertOpen();
    this.#publish(roomId, 'activity', { messageId: parentMessageId, threadId, taskId, agent: agentIdentity, phase, text, metadata, includeInContext });
  }

  #publish<Name extends HttpChannelEventName>(roomId: string, name: Name, event: HttpChannelEvent<Name>): void {
    this.#rooms.publish(roomId, name, toDocument(HttpChannelEvents[name], event) as object);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ChannelError(`the channel ${this.name} is closed`);
  }

  /** Answers a request, whatever happens. */
  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { path, query } = placeOf(request);
      checkAccess(this.#settings, path, request.headers);
      await this.#route(request, response, path, query);
    } catch (error) {
      const { status, headers, error: problem, isUnexpected } = problemAnswer(error);
      const errorId = isUnexpected ? randomHex(this.#deps.random, 6) : undefined;
      if (errorId !== undefined) this.#logger.error({ err: error, error_id: errorId, channel: this.name, method: request.method }, 'a request failed');
      this.#answer(response, status, { error: { ...problem, ...(errorId === undefined ? {} : { error_id: errorId }) } }, headers);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): Promise<void> {
    const [, room, what] = /^\/rooms\/([^/]+)\/(messages|events)$/.exec(path) ?? [];
    const method = what === 'messages' ? 'POST' : 'GET';
    if (room === undefined && path !== '/health') throw new HttpRefusal(404, 'NOT_FOUND', 'there is nothing here');
    if (request.method !== method) throw new HttpRefusal(405, 'METHOD_NOT_ALLOWED', `this is asked with ${method}`, { headers: { allow: method } });
    if (room === undefined) {
      this.#answer(response, this.#isClosed ? 503 : 200, { status: this.#isClosed ? 'closing' : 'healthy', channel: this.name, rooms: this.#rooms.size, clients: this.#streams.size });
      return;
    }
    if (this.#isClosed) throw new HttpRefusal(503, 'CHANNEL_CLOSED', 'the channel is closing; come again later');
    const roomId = roomOf(room);
    if (what === 'events') this.#streams.open(request, response, roomId, query);
    else this.#answer(response, 202, toDocument(HttpMessageAnswer, await this.#take(request, roomId)) as object);
  }

  /** Hands a message to the handler. @returns what is answered when that has taken it */
  async #take(request: IncomingMessage, roomId: string): Promise<HttpMessageAnswer> {
    const { maxPendingMessages, maxBodyBytes } = this.#settings;
    const handler = this.#handler;
    if (handler === undefined) throw new HttpRefusal(503, 'NOT_LISTENING', 'nobody takes messages of this channel now; come again later');
    if (this.#pending >= maxPendingMessages) throw new HttpRefusal(503, 'TOO_MANY_MESSAGES', `${maxPendingMessages} messages are being taken (maxPendingMessages); come again later`);
    this.#pending += 1;
    try {
      const message = readMessage(await readJsonBody(request, maxBodyBytes), { channel: this.name, roomId }, this.#deps.createId);
      const { history } = this.#rooms.open(roomId);
      const lastEventId = history.idOf(history.newest);
      const outcome = await handler(message);
      if (outcome === undefined || outcome === null) throw new HttpRefusal(404, 'NOBODY_THERE', 'nobody is there for this message; it was not kept');
      return { messageId: message.id, lastEventId, ...Outcome.safeParse(outcome).data };
    } finally {
      this.#pending -= 1;
    }
  }

  #answer(response: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const text = JSON.stringify(body);
    response.writeHead(status, {
      ...headers, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
      ...(this.#isClosed ? { connection: 'close' } : {}),
    });
    response.end(text);
  }
}

function placeOf({ url = '' }: IncomingMessage): { path: string; query: URLSearchParams } {
  const [path = '', query = ''] = url.split('?', 2);
  return { path, query: new URLSearchParams(query) };
}

/** @throws HttpRefusal 400, InvalidInputError */
function roomOf(segment: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch (error) {
    throw new HttpRefusal(400, 'INVALID_REQUEST', 'the name of the room in the path is not encoded as it should be', { cause: error });
  }
  const room = HttpRoomId.safeParse(decoded);
  if (!room.success) throw new InvalidInputError('room', room.error.issues[0]?.message ?? 'is not valid');
  return room.data;
}
