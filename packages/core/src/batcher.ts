/** Where the result of an item goes. */
interface Recipient<Result> {
  /** @param place - of the item among those that were added together */
  settle(place: number, result: Result | Error): void;
}

/** An item that waits, or is under way. */
interface Waiting<Item, Result> {
  item: Item;
  place: number;
  to: Recipient<Result>;
}

export interface BatcherOptions<Item> {
  /** Of one batch. */
  maxItems: number;
  /** Of one batch, as `weigh` counts; a single item may be heavier. No limit when left out. */
  maxWeight?: number;
  weigh?: (item: Item) => number;
  /** Batches under way at once. */
  lanes: number;
}

/**
 * Collects items that are added while earlier batches are under way, or in one turn of the microtask queue, and hands them over together.
 * A single item at an idle moment goes at once: batching costs no latency.
 */
export class Batcher<Item, Result> {
  readonly #run: (items: Item[], lane: number) => Promise<(Result | Error)[]>;
  readonly #maxItems: number;
  readonly #maxWeight: number;
  readonly #weigh: (item: Item) => number;
  readonly #lanes: number;
  readonly #freeLanes: number[];
  #waiting: Waiting<Item, Result>[] = [];
  #isScheduled = false;

  /** @param run - gives one result per item, in order, an error for an item that failed; when it rejects, all of its items do */
  constructor(run: (items: Item[], lane: number) => Promise<(Result | Error)[]>, options: BatcherOptions<Item>) {
    this.#run = run;
    this.#maxItems = options.maxItems;
    this.#maxWeight = options.maxWeight ?? Infinity;
    this.#weigh = options.weigh ?? (() => 0);
    this.#lanes = options.lanes;
    this.#freeLanes = Array.from({ length: options.lanes }, (_, lane) => lane);
  }

  /** Nothing waits, and nothing is under way. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#freeLanes.length === this.#lanes;
  }

  /** @throws the error that is the item's result */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const to = { settle: (_: number, result: Result | Error) => (result instanceof Error ? reject(result) : resolve(result)) };
      this.#waiting.push({ item, place: 0, to });
      this.#schedule();
    });
  }

  /** Several at once, in order. @returns of each its result, or why it has none */
  addAll(items: readonly Item[]): Promise<(Result | Error)[]> {
    const results = new Array<Result | Error>(items.length);
    let left = items.length;
    if (left === 0) return Promise.resolve(results);
    return new Promise((resolve) => {
      const to = {
        settle(place: number, result: Result | Error) {
          results[place] = result;
          left -= 1;
          if (left === 0) resolve(results);
        },
      };
      items.forEach((item, place) => this.#waiting.push({ item, place, to }));
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#freeLanes.length === 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#freeLanes.pop();
      if (lane === undefined) return;
      const batch = this.#take();
      this.#run(batch.map(({ item }) => item), lane).then(
        (results) => {
          batch.forEach(({ place, to }, index) => to.settle(place, results[index] as Result | Error));
          this.#done(lane);
        },
        (error: unknown) => {
          const reason = error instanceof Error ? error : new Error(String(error));
          for (const { place, to } of batch) to.settle(place, reason);
          this.#done(lane);
        },
      );
    }
  }

  #take(): Waiting<Item, Result>[] {
    let weight = 0;
    let size = 0;
    for (const { item } of this.#waiting) {
      weight += this.#weigh(item);
      if (size > 0 && (size >= this.#maxItems || weight > this.#maxWeight)) break;
      size += 1;
    }
    if (size === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, size);
  }

  #done(lane: number): void {
    this.#freeLanes.push(lane);
    this.#flush();
  }
}
