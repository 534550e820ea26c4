import { randomHex, type Random } from '@cortex-runtime/core';

import { ChannelError } from '../../errors.ts';
import type { EventClient } from './event-client.ts';
import { RoomHistory } from './room-history.ts';

/** What has happened in a room, and who follows it. */
export interface Room {
  readonly history: RoomHistory;
  readonly clients: Set<EventClient>;
}

export interface RoomLimits {
  maxRooms: number;
  keptEvents: number;
  keptBytes: number;
  maxHistoryBytes: number;
}

/** The rooms that are remembered. There is a bound to their number and to what they hold together; the longest unused make way. */
export class Rooms {
  readonly #random: Random;
  readonly #limits: RoomLimits;
  /** By id, the longest unused first. */
  readonly #rooms = new Map<string, Room>();
  #bytes = 0;

  constructor(deps: { random: Random }, limits: RoomLimits) {
    this.#random = deps.random;
    this.#limits = limits;
  }

  get size(): number {
    return this.#rooms.size;
  }

  /** @throws ChannelError when there are as many as may be, and all of them are followed */
  open(roomId: string): Room {
    const room = this.#rooms.get(roomId) ?? this.#make();
    this.#rooms.delete(roomId);
    this.#rooms.set(roomId, room);
    return room;
  }

  /** Adds an event, and gives it to whoever follows the room. @throws ChannelError as `open` */
  publish(roomId: string, event: string, data: object): void {
    const room = this.open(roomId);
    const before = room.history.keptBytes;
    room.history.append(event, data);
    this.#bytes += room.history.keptBytes - before;
    for (const client of room.clients) client.advance();
    if (this.#bytes > this.#limits.maxHistoryBytes) this.#makeWay(room);
  }

  #make(): Room {
    if (this.#rooms.size >= this.#limits.maxRooms) {
      const unused = [...this.#rooms].find(([, { clients }]) => clients.size === 0);
      if (unused === undefined) throw new ChannelError(`there are ${this.#limits.maxRooms} rooms, and all of them are followed (maxRooms); try again later`);
      this.#forget(...unused);
    }
    return { history: new RoomHistory(randomHex(this.#random, 4), this.#limits), clients: new Set() };
  }

  #makeWay(newest: Room): void {
    for (const [roomId, room] of this.#rooms) {
      if (this.#bytes <= this.#limits.maxHistoryBytes) return;
      if (room.clients.size === 0 && room !== newest) {
        this.#forget(roomId, room);
        continue;
      }
      const before = room.history.keptBytes;
      room.history.shrink();
      this.#bytes += room.history.keptBytes - before;
    }
  }

  #forget(roomId: string, room: Room): void {
    this.#rooms.delete(roomId);
    this.#bytes -= room.history.keptBytes;
  }
}
