import type { ServerResponse } from 'node:http';

import { eventFrame, type RoomHistory } from './room-history.ts';

/** Signs of life that a client may leave untaken. */
const maxUntakenBeats = 2;

/**
 * One client that follows a room: a place in its history. It is given the next event when it has taken the last, so what waits for it waits in the history, once for all
 * clients. One that is too far behind is cut off, and goes on with `Last-Event-ID`.
 *
 * States: open (all is taken, or waiting until more is) → ended, by either side.
 */
export class EventClient {
  readonly #response: ServerResponse;
  readonly #history: RoomHistory;
  readonly #maxBehindBytes: number;
  #next: number;
  #isWaiting = false;
  #untakenBeats = 0;

  /** @param lastEventId - left out: what comes from now on */
  constructor(response: ServerResponse, history: RoomHistory, options: { maxBehindBytes: number; lastEventId: string | undefined }) {
    this.#response = response;
    this.#history = history;
    this.#maxBehindBytes = options.maxBehindBytes;
    const { lastEventId } = options;
    const { next, hasGap } = lastEventId === undefined ? { next: history.newest + 1, hasGap: false } : history.after(lastEventId);
    this.#next = next;
    response.on('drain', () => {
      this.#isWaiting = false;
      this.#untakenBeats = 0;
      this.advance();
    });
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no', 'x-content-type-options': 'nosniff', connection: 'close' });
    // An id without data is no event, and tells the client where it is before the first one comes.
    const before = history.idOf(next - 1);
    this.#write(`retry: 1000\nid: ${before}\n\n${hasGap ? eventFrame('gap', { last_event_id: lastEventId?.slice(0, 100) }, before) : ''}`);
    this.advance();
  }

  /** Gives the client what it can take. */
  advance(): void {
    if (this.#isWaiting) {
      if (this.#history.bytesFrom(this.#next) > this.#maxBehindBytes) this.#response.destroy();
      return;
    }
    while (!this.#isWaiting && this.#next <= this.#history.newest && !this.#response.destroyed) {
      const event = this.#history.get(this.#next);
      if (event === undefined) {
        this.#response.destroy(); // it was forgotten while the client took its time
        return;
      }
      this.#next += 1;
      this.#write(event.bytes);
    }
  }

  /** Keeps proxies from closing a quiet stream, and finds clients that are not there any more. */
  beat(): void {
    if (!this.#isWaiting) this.#write(': beat\n\n');
    else if ((this.#untakenBeats += 1) > maxUntakenBeats) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
  }

  #write(bytes: string | Uint8Array): void {
    if (!this.#response.destroyed && !this.#response.writableEnded && !this.#response.write(bytes)) this.#isWaiting = true;
  }
}
