import type { Clock } from '@cortex-runtime/core';

/** Time that stands still until it is told to go on. */
export function manualClock(startAt = Date.UTC(2026, 0, 1)): Clock & { advance(ms: number): void; readonly waiting: number } {
  let elapsed = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => startAt + elapsed,
    monotonic: () => elapsed,
    setTimer(delayMs, callback) {
      const timer = { at: elapsed + Math.max(0, delayMs), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    get waiting() {
      return timers.size;
    },
    advance(ms) {
      elapsed += ms;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at > elapsed || !timers.delete(timer)) continue;
        timer.callback();
      }
    },
  };
}
