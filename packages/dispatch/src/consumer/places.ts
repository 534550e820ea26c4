/** A number of places; who finds none waits, first come first served. */
export class Places {
  readonly #count: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];
  #allAreFree: (() => void) | undefined;

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** Undefined when there was one; otherwise resolves when there is. */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
    if (this.#free === this.#count) this.#allAreFree?.();
  }

  /** Resolves when nobody has a place any more. For one caller. */
  async allFree(): Promise<void> {
    if (this.#free < this.#count) await new Promise<void>((resolve) => (this.#allAreFree = resolve));
    this.#allAreFree = undefined;
  }
}
