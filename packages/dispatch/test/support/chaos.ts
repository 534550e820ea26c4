import type { Random } from '@cortex-runtime/core';
import { seededRandom } from '@cortex-runtime/core/testing';

/** Whether larger numbers are wanted: every combination, and another seed each time. */
export const isChaos = process.env['CORTEX_CHAOS'] !== undefined;

export interface Choices extends Random {
  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number;
  shuffled<T>(values: readonly T[]): T[];
}

/** Random choices of one test file. The seed is printed; CORTEX_SEED gives the same choices again. */
export function choices(): Choices {
  const seed = Number(process.env['CORTEX_SEED'] ?? (isChaos ? Date.now() % 1_000_000 : 1));
  console.info(`random choices: again with CORTEX_SEED=${seed}`);
  const random = seededRandom(seed);
  const below = (end: number) => Math.floor(random.next() * end);
  return {
    ...random,
    below,
    shuffled(values) {
      const left = [...values];
      return values.map(() => left.splice(below(left.length), 1)[0] as (typeof left)[number]);
    },
  };
}
