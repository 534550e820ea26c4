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
  #waiting: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  #isScheduled = false;

  /**
   * @param run - gives one result per item, in order, an error for an item that failed; when it rejects, all of its items do
   * @param lanes - batches under way at once
   */
  constructor(run: (items: Item[], lane: number) => Promise<(Result | Error)[]>, options: { maxItems: number; maxWeight?: number; weigh?: (item: Item) => number; lanes: number }) {
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

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#isScheduled && this.#freeLanes.length > 0) {
        this.#isScheduled = true;
        queueMicrotask(() => {
          this.#isScheduled = false;
          this.#flush();
        });
      }
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#freeLanes.pop();
      if (lane === undefined) return;
      const batch = this.#take();
      this.#run(batch.map(({ item }) => item), lane).then(
        (results) => {
          batch.forEach(({ resolve, reject }, index) => {
            const result = results[index] as Result | Error;
            if (result instanceof Error) reject(result);
            else resolve(result);
          });
          this.#done(lane);
        },
        (error: unknown) => {
          for (const { reject } of batch) reject(error);
          this.#done(lane);
        },
      );
    }
  }

  #take() {
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
