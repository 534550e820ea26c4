/** A started timer; `cancel` is safe to call twice and after it has fired. */
export interface Timer {
  cancel(): void;
}

/** Time and timers. Nothing below the edge reads the machine's clock in any other way. */
export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch; it may jump, in both directions. */
  now(): number;
  /** Monotonic milliseconds with a fraction; never jumps. For measuring how long something took. */
  monotonic(): number;
  /**
   * Calls `callback` once after `delayMs` of monotonic time, never early.
   *
   * Any finite delay is allowed: beyond 2^31-1 ms the timer is chained. 0 and negative delays fire on the next turn of the event loop.
   *
   * @throws InvalidInputError when `delayMs` is NaN or infinite
   */
  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer;
}

export interface TimerOptions {
  /** Keeps the Node process alive while it waits. Default true. */
  keepAlive?: boolean;
}

/** The longest delay that Node's own timers take, in milliseconds; beyond it they fire at once. */
export const maxTimerDelayMs = 2 ** 31 - 1;

/** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
