/** One event as it is sent. */
export interface HistoryEvent {
  readonly bytes: Uint8Array;
  /** Bytes of all events of the room up to this one, it included. */
  readonly endsAt: number;
}

/**
 * The newest events of a room, numbered from 1 without a gap.
 *
 * An event's id is `<epoch>-<number>`. The epoch is another one each time that the room begins to be remembered, so an id from before is never taken for one of now.
 */
export class RoomHistory {
  readonly #epoch: string;
  readonly #limits: { keptEvents: number; keptBytes: number };
  /** By number. */
  readonly #events = new Map<number, HistoryEvent>();
  #oldest = 1;
  #newest = 0;
  #endsAt = 0;
  #keptBytes = 0;

  constructor(epoch: string, limits: { keptEvents: number; keptBytes: number }) {
    this.#epoch = epoch;
    this.#limits = limits;
  }

  /** Number of the oldest event that is kept; one more than the newest when none is. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Number of the last event; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  idOf(number: number): string {
    return `${this.#epoch}-${number}`;
  }

  get(number: number): HistoryEvent | undefined {
    return this.#events.get(number);
  }

  /** @param data - goes on one line, whatever is in it, because it is JSON */
  append(event: string, data: object): void {
    this.#newest += 1;
    const bytes = Buffer.from(eventFrame(event, data, this.idOf(this.#newest)));
    this.#endsAt += bytes.length;
    this.#keptBytes += bytes.length;
    this.#events.set(this.#newest, { bytes, endsAt: this.#endsAt });
    while (this.#newest - this.#oldest >= this.#limits.keptEvents || (this.#keptBytes > this.#limits.keptBytes && this.#oldest < this.#newest)) this.#forgetOldest();
  }

  /** Forgets everything but the newest event. */
  shrink(): void {
    while (this.#oldest < this.#newest) this.#forgetOldest();
  }

  /** Bytes of the events from `number` on, also of those that are no longer kept. */
  bytesFrom(number: number): number {
    const before = this.#events.get(number - 1);
    const first = this.#events.get(number);
    if (before !== undefined) return this.#endsAt - before.endsAt;
    return first === undefined ? (number > this.#newest ? 0 : Number.POSITIVE_INFINITY) : this.#endsAt - first.endsAt + first.bytes.length;
  }

  /** Where a client goes on that has seen events up to this id. @returns number of the next event, and whether some before it are gone */
  after(lastEventId: string): { next: number; hasGap: boolean } {
    const [, epoch, digits] = /^([0-9a-f]+)-(\d{1,15})$/.exec(lastEventId) ?? [];
    const seen = Number(digits);
    const isKnown = epoch === this.#epoch && seen <= this.#newest && seen + 1 >= this.#oldest;
    return isKnown ? { next: seen + 1, hasGap: false } : { next: this.#oldest, hasGap: true };
  }

  #forgetOldest(): void {
    this.#keptBytes -= this.#events.get(this.#oldest)?.bytes.length ?? 0;
    this.#events.delete(this.#oldest);
    this.#oldest += 1;
  }
}

/** One server-sent event. @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
export function eventFrame(event: string, data: object, eventId: string): string {
  return `id: ${eventId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
