import { maxTimerDelayMs, type Clock, type Timer } from '../clock.ts';
import { InvalidInputError } from '../errors.ts';

/** The machine's clock and Node's timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, callback, options): Timer {
    if (!Number.isFinite(delayMs)) throw new InvalidInputError('delayMs', `must be a finite number of milliseconds, got ${String(delayMs)}`);
    const dueAt = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = () => {
      // Node fires at once beyond 2^31-1, and can fire up to a millisecond early: both are waited out here.
      const leftMs = dueAt - performance.now();
      handle = setTimeout(() => (performance.now() >= dueAt ? callback() : arm()), Math.min(Math.ceil(Math.max(leftMs, 0)), maxTimerDelayMs));
      if (options?.keepAlive === false) handle.unref();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};
