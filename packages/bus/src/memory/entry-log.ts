/** A list that grows at its end and is cut at its beginning; positions stay valid. */
export class EntryLog<T> {
  #items: (T | undefined)[] = [];
  /** Position of the first item of the array, cut ones included. */
  #base = 0;
  #cut = 0;
  #gaps = 0;

  /** Position of the first entry kept. */
  get start(): number {
    return this.#base + this.#cut;
  }
  /** Position that the next entry gets. */
  get end(): number {
    return this.#base + this.#items.length;
  }
  get length(): number {
    return this.#items.length - this.#cut - this.#gaps;
  }

  /** Entries kept at `position` and after it. */
  countFrom(position: number): number {
    const first = Math.max(position, this.start);
    if (this.#gaps === 0) return this.end - first;
    return this.#items.slice(first - this.#base).filter((item) => item !== undefined).length;
  }

  push(item: T): number {
    this.#items.push(item);
    return this.end - 1;
  }

  at(position: number): T | undefined {
    return this.#items[position - this.#base];
  }

  /** Leaves a gap. */
  remove(position: number): void {
    if (position < this.start || this.at(position) === undefined) return;
    this.#items[position - this.#base] = undefined;
    this.#gaps += 1;
  }

  /** Drops everything before `position`. */
  cutBefore(position: number, onCut: (item: T) => void): void {
    for (; this.#cut < this.#items.length && this.start < position; this.#cut += 1) {
      const item = this.#items[this.#cut];
      if (item === undefined) this.#gaps -= 1;
      else onCut(item);
      this.#items[this.#cut] = undefined;
    }
    if (this.#cut > 1_024 && this.#cut * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#cut);
      this.#base += this.#cut;
      this.#cut = 0;
    }
  }
}
