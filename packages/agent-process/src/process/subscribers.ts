import { describeError, type Logger } from '@cortex-runtime/core';

import type { ProcessUpdate } from './process-update.ts';

/** Those who follow the answers of a process. One that throws is logged and harms nobody. */
export class Subscribers {
  readonly #logger: Logger;
  #listeners: Set<(update: ProcessUpdate) => void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get isEmpty(): boolean {
    return (this.#listeners?.size ?? 0) === 0;
  }

  add(listener: (update: ProcessUpdate) => void): () => void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    return () => this.#listeners?.delete(listener);
  }

  publish(update: ProcessUpdate): void {
    for (const listener of this.#listeners ?? []) {
      try {
        listener(update);
      } catch (error) {
        this.#logger.warn({ error: describeError(error) }, 'a subscriber failed');
      }
    }
  }
}
