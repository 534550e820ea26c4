import { InvalidInputError } from './errors.ts';
import type { Random } from './random.ts';

export interface Backoff {
  /** Milliseconds before the first retry. */
  baseMs: number;
  /** No wait is longer. */
  maxMs: number;
}

/**
 * Milliseconds before retry `attempt` when every wait doubles: base, 2 base, 4 base … up to the cap.
 *
 * @param attempt - 1 for the first retry
 * @throws InvalidInputError when `attempt` is not a whole number of at least 1
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff): number {
  if (!Number.isInteger(attempt) || attempt < 1) {
    throw new InvalidInputError('attempt', `must be a whole number of at least 1, got ${String(attempt)}`);
  }
  return Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 52));
}

/**
 * As {@link backoffMs}, drawn evenly below the cap, so that those who failed together do not return together.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (full jitter)
 */
export function jitteredBackoffMs(attempt: number, backoff: Backoff, random: Random): number {
  return Math.round(random.next() * backoffMs(attempt, backoff));
}
