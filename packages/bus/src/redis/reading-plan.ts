import type { HeldSubscription } from '../held-subscription.ts';

/** Messages that one command may bring: a longer one would hold up everybody else on the server. */
const maxCount = 256;
/** One look in so many begins with the stream that is served last, so that none starves. */
const turnOfTheLast = 8;
/** With fewer places for each stream than this, every place counts. */
const placesPerStream = 3;

/** What the next look asks of the streams of one subscriber, in the order in which they are served. */
export interface Look {
  readonly subscription: HeldSubscription;
  readonly streams: readonly string[];
  /** Messages at most, all streams together. */
  readonly places: number;
  /** The first of them that gave all that it was asked for lately, where there are places enough: it gets nearly all of them, and each of the others one. */
  readonly main: string | undefined;
}

/**
 * What one subscriber wants of a reader, and which of its streams may have something.
 *
 * A stream is *warm* until a look has found it empty. Streams of a subscriber without places are not watched, so all of them are warm when it has places again.
 */
export class Interest {
  readonly subscription: HeldSubscription;
  /** Those that this reader reads; in a cluster, one. */
  readonly streams = new Set<string>();
  readonly #warm = new Set<string>();
  readonly #plentiful = new Set<string>();
  #isWatched = false;
  #looks = 0;

  constructor(subscription: HeldSubscription) {
    this.subscription = subscription;
  }

  add(stream: string): void {
    this.streams.add(stream);
    this.#isWatched = false;
  }

  /** Messages that this reader may bring. Streams that other readers read get their share of the places. */
  get places(): number {
    const { free, streams } = this.subscription;
    if (free <= 0) return 0;
    return Math.min(maxCount, Math.max(1, Math.floor((free * this.streams.size) / streams.length)));
  }

  /** Something may have come to this stream. */
  warm(stream: string): void {
    if (this.streams.has(stream)) this.#warm.add(stream);
  }

  warmAll(): void {
    for (const stream of this.streams) this.#warm.add(stream);
  }

  /** Its streams are not watched from now on, for want of places. */
  leave(): void {
    this.#isWatched = false;
  }

  /** What to ask for now; undefined when there is no room, or nothing that could have come. */
  look(): Look | undefined {
    const { places } = this;
    if (places === 0) return undefined;
    if (!this.#isWatched) {
      this.warmAll();
      this.#isWatched = true;
    }
    if (this.#warm.size === 0) return undefined;
    this.#looks += 1;
    const streams = this.#inOrder([...this.streams].filter((stream) => this.#warm.has(stream)));
    const main = places < placesPerStream * streams.length ? undefined : streams.find((stream) => this.#plentiful.has(stream));
    return { subscription: this.subscription, streams, places, main };
  }

  /** What a look at the stream brought. */
  found(stream: string, count: number, asked: number): void {
    if (count >= asked) {
      this.#plentiful.add(stream);
      return;
    }
    this.#plentiful.delete(stream);
    this.#warm.delete(stream);
  }

  #inOrder(streams: string[]): string[] {
    if (streams.length < 2) return streams;
    if (this.subscription.order === 'priority') return this.#looks % turnOfTheLast === 0 ? streams.reverse() : streams;
    const first = this.#looks % streams.length;
    return [...streams.slice(first), ...streams.slice(0, first)];
  }
}
