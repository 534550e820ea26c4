import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clock, Timer } from '@cortex-runtime/core';

import { EventClient } from './event-client.ts';
import type { HttpChannelSettings } from './http-channel-options.ts';
import { HttpRefusal } from './http-refusal.ts';
import type { Rooms } from './rooms.ts';

/** All clients that follow rooms. One timer shows all of them that the channel lives. */
export class EventStreams {
  readonly #rooms: Rooms;
  readonly #clock: Clock;
  readonly #settings: HttpChannelSettings;
  readonly #clients = new Set<EventClient>();
  #beat: Timer | undefined;

  constructor(deps: { rooms: Rooms; clock: Clock }, settings: HttpChannelSettings) {
    this.#rooms = deps.rooms;
    this.#clock = deps.clock;
    this.#settings = settings;
  }

  get size(): number {
    return this.#clients.size;
  }

  /**
   * Answers with the events of a room, from the one after `Last-Event-ID` (or the query's `last_event_id`, for clients that can not send headers), else from now on.
   *
   * @throws HttpRefusal 503 when there are as many clients as may be; ChannelError when there is no place for the room
   */
  open(request: IncomingMessage, response: ServerResponse, roomId: string, query: URLSearchParams): void {
    const { maxClients, maxBehindBytes } = this.#settings;
    if (this.#clients.size >= maxClients) throw new HttpRefusal(503, 'TOO_MANY_CLIENTS', `${maxClients} clients follow rooms already (maxClients); come again later`);
    const room = this.#rooms.open(roomId);
    const header = request.headers['last-event-id'];
    const lastEventId = typeof header === 'string' && header !== '' ? header : (query.get('last_event_id') ?? undefined);
    const client = new EventClient(response, room.history, { maxBehindBytes, lastEventId });
    this.#clients.add(client);
    room.clients.add(client);
    response.once('close', () => {
      this.#clients.delete(client);
      room.clients.delete(client);
      if (this.#clients.size === 0) this.#disarm();
    });
    this.#arm();
  }

  /** Ends all streams: clients go on elsewhere, or when the channel is back. */
  end(): void {
    this.#disarm();
    for (const client of this.#clients) client.end();
  }

  #arm(): void {
    this.#beat ??= this.#clock.setTimer(this.#settings.heartbeatMs, () => {
      this.#beat = undefined;
      for (const client of this.#clients) client.beat();
      this.#arm();
    }, { keepAlive: false });
  }

  #disarm(): void {
    this.#beat?.cancel();
    this.#beat = undefined;
  }
}
