import type { Envelope, Tail } from '../message-bus.ts';

type Watched = Envelope & { readonly stream: string };

/** What is published while it is open, in order. */
export class MemoryTail implements Tail {
  readonly #onStop: (tail: MemoryTail) => void;
  readonly #waiting: Watched[] = [];
  readonly #takers: ((result: IteratorResult<Watched, undefined>) => void)[] = [];
  #isStopped = false;

  constructor(onStop: (tail: MemoryTail) => void) {
    this.#onStop = onStop;
  }

  offer(message: Watched): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting.push(message);
    else taker({ done: false, value: message });
  }

  next(): Promise<IteratorResult<Watched, undefined>> {
    const found = this.#isStopped ? undefined : this.#waiting.shift();
    if (found !== undefined) return Promise.resolve({ done: false, value: found });
    if (this.#isStopped) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  async return(): Promise<IteratorResult<Watched, undefined>> {
    await this.stop();
    return { done: true, value: undefined };
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
    this.#onStop(this);
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
