import type { Timer } from '@cortex-runtime/core';

/** One heap and one timer for every schedule of the host. Times are wall-clock: a jump of the clock is noticed within `maxSleepMs`. */
export interface CronScheduler {
  /**
   * Calls `callback` once when the wall clock reaches `dueAt` (milliseconds since the epoch), never early by that clock.
   * A time in the past fires on the next turn of the event loop.
   *
   * @param options.alsoWhenSetBack - calls it early, once, when the clock was set back by more than an hour, so that the caller can think again
   */
  at(dueAt: number, callback: () => void, options?: { alsoWhenSetBack?: boolean }): Timer;
  /** Schedules that are waiting. */
  readonly size: number;
  /** Forgets every schedule and its one timer. */
  close(): void;
}
