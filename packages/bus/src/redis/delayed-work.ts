import { describeError, type Clock, type Logger, type Timer } from '@cortex-runtime/core';

/** What a process means to look at later. Whatever fails is found by the sweep. */
export class DelayedWork {
  readonly #deps: { clock: Clock; logger: Logger };
  readonly #timers = new Set<Timer>();

  constructor(deps: { clock: Clock; logger: Logger }) {
    this.#deps = deps;
  }

  later(delayMs: number, work: () => Promise<void>): void {
    const { clock, logger } = this.#deps;
    const timer = clock.setTimer(
      delayMs + 1, // a timer may be a little early
      () => {
        this.#timers.delete(timer);
        void work().catch((error: unknown) => logger.debug({ error: describeError(error) }, 'looking for returned work failed; the sweep tries again'));
      },
      { keepAlive: false },
    );
    this.#timers.add(timer);
  }

  cancel(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
