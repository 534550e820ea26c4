import type { Clock, Timer } from '@cortex-runtime/core';

/** A clock that stands still until told otherwise. `advance` moves both times and fires what is due; `jump` moves only the wall clock, as NTP or a person would. */
export interface ManualClock extends Clock {
  advance(ms: number): Promise<void>;
  jump(ms: number): void;
  /** Delays, in milliseconds, of the timers that wait. */
  pending(): number[];
}

export function manualClock(startAt = Date.UTC(2026, 0, 1)): ManualClock {
  let wall = startAt;
  let monotonic = 0;
  let order = 0;
  const timers = new Map<Timer, { dueAt: number; order: number; callback: () => void }>();
  const nextDue = (until: number) =>
    [...timers].filter(([, timer]) => timer.dueAt <= until).sort(([, a], [, b]) => a.dueAt - b.dueAt || a.order - b.order)[0];
  return {
    now: () => wall,
    monotonic: () => monotonic,
    setTimer(delayMs, callback) {
      const timer: Timer = { cancel: () => void timers.delete(timer) };
      timers.set(timer, { dueAt: monotonic + Math.max(delayMs, 0), order: (order += 1), callback });
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
    pending: () => [...timers.values()].map((timer) => timer.dueAt - monotonic).sort((a, b) => a - b),
  };
}

/** Lets promise chains run dry. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
