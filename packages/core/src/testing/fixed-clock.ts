import type { Clock, Timer } from '../clock.ts';

/**
 * A clock that stands still until it is told otherwise, for tests of anything that takes a `Clock`.
 *
 * `advance` moves the wall clock and the monotonic time together and fires what falls due on the way, in order; `jump` moves only the wall clock, as NTP or a person would.
 */
export interface FixedClock extends Clock {
  /** Fires timers in order of their due time; between two of them promise chains run dry. */
  advance(ms: number): Promise<void>;
  jump(ms: number): void;
  /** Milliseconds until each waiting timer, the nearest first. */
  pending(): number[];
}

/** @param startAt - milliseconds since the epoch; 2026-01-01 when left out */
export function fixedClock(startAt: number = Date.UTC(2026, 0, 1)): FixedClock {
  let wall = startAt;
  let monotonic = 0;
  let made = 0;
  const timers = new Map<Timer, { dueAt: number; order: number; callback: () => void }>();
  const nextDue = (until: number) => {
    const due = [...timers].filter(([, timer]) => timer.dueAt <= until);
    return due.sort(([, a], [, b]) => a.dueAt - b.dueAt || a.order - b.order)[0];
  };
  return {
    now: () => wall,
    monotonic: () => monotonic,
    setTimer(delayMs, callback) {
      if (!Number.isFinite(delayMs)) throw new RangeError(`a timer needs a finite number of milliseconds, got ${String(delayMs)}`);
      const timer: Timer = { cancel: () => void timers.delete(timer) };
      timers.set(timer, { dueAt: monotonic + Math.max(delayMs, 0), order: (made += 1), callback });
      return timer;
    },
    async advance(ms) {
      const until = monotonic + ms;
      await settle();
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        const [timer, { dueAt, callback }] = due;
        timers.delete(timer);
        wall += dueAt - monotonic;
        monotonic = dueAt;
        callback();
        await settle();
      }
      wall += until - monotonic;
      monotonic = until;
      await settle();
    },
    jump(ms) {
      wall += ms;
    },
    pending: () => [...timers.values()].map(({ dueAt }) => dueAt - monotonic).sort((a, b) => a - b),
  };
}

function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
