import { CortexError, describeError, jitteredBackoffMs, sleep, type Clock, type Logger, type Random } from '@cortex-runtime/core';

const backoff = { baseMs: 250, maxMs: 15_000 };
/** Milliseconds that whoever starts something waits for it; then it goes on in the background. */
const firstWaitMs = 2_000;

/** Something that needs a bus which may be away: its start is tried until it works, or it is ended. */
export class PatientStart<T> {
  readonly #deps: { clock: Clock; random: Random; logger: Logger };
  readonly #what: string;
  readonly #ending = new AbortController();
  #started: Promise<T | undefined> = Promise.resolve(undefined);
  #running: T | undefined;
  #isInBackground = false;

  constructor(deps: { clock: Clock; random: Random; logger: Logger }, what: string) {
    this.#deps = deps;
    this.#what = what;
  }

  /** Aborted when it is ended. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Resolves with the first success, and at the latest after two seconds.
   *
   * @throws an error that trying again does not mend, when it comes within that time
   */
  async begin(start: () => Promise<T>): Promise<void> {
    const { clock } = this.#deps;
    this.#started = this.#try(start);
    this.#started.catch(() => {});
    const wait = new AbortController();
    try {
      await Promise.race([this.#started, sleep(clock, firstWaitMs, wait.signal).catch(() => {})]);
    } finally {
      this.#isInBackground = true;
      wait.abort();
    }
  }

  /** Ends it. What is still starting is ended as soon as it has started, and not waited for: it may take as long as a server is away. */
  async end(stop: (running: T) => Promise<void>): Promise<void> {
    this.#ending.abort();
    if (this.#running !== undefined) await stop(this.#running);
    else void this.#started.then((late) => (late === undefined ? undefined : stop(late))).catch(() => {});
  }

  async #try(start: () => Promise<T>): Promise<T | undefined> {
    const { clock, random, logger } = this.#deps;
    for (let attempt = 1; !this.signal.aborted; attempt += 1) {
      try {
        this.#running = await start();
        return this.#running;
      } catch (error) {
        if (!this.#isInBackground && CortexError.is(error) && !error.retryable) throw error;
        logger.warn({ attempt, error: describeError(error) }, `${this.#what} could not be started; it is tried again`);
        await sleep(clock, jitteredBackoffMs(attempt, backoff, random), this.signal).catch(() => {});
      }
    }
    return undefined;
  }
}
