import type { CronSchedule } from './cron-schedule.ts';

/** What was due in a stretch of time: the newest of it, and how many came before that. */
export interface DueOccurrences {
  /** The newest occurrences, at most `limit`, oldest first. */
  occurrences: number[];
  /** How many more were due before them; counted up to `limit` and no further. */
  earlier: number;
}

/**
 * The occurrences after `after`, up to and including `until`.
 *
 * Looks back from `until` in windows that double, so that a host that was down for a year with a schedule of every second answers as fast as any other.
 */
export function dueOccurrences(schedule: CronSchedule, after: number, until: number, limit: number): DueOccurrences {
  const wanted = limit * 2;
  for (let windowMs = 1_000; ; windowMs *= 2) {
    const start = Math.max(after, until - windowMs);
    const newest: number[] = [];
    for (let at = schedule.next(start); at !== undefined && at <= until; at = schedule.next(at)) {
      newest.push(at);
      if (newest.length > wanted * 2) newest.splice(0, newest.length - wanted);
    }
    if (newest.length < wanted && start > after) continue;
    const occurrences = newest.slice(-limit);
    return { occurrences, earlier: Math.min(newest.length - occurrences.length, limit) };
  }
}
