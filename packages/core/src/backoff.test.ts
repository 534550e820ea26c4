import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { backoffMs, jitteredBackoffMs } from './backoff.ts';
import { InvalidInputError } from './errors.ts';

const limits = fc.record({ baseMs: fc.integer({ min: 1, max: 10_000 }), maxMs: fc.integer({ min: 1, max: 600_000 }) });

describe('backoff', () => {
  it('doubles up to the cap', () => {
    expect([1, 2, 3, 4, 5, 100_000].map((attempt) => backoffMs(attempt, { baseMs: 100, maxMs: 1_000 }))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('refuses attempts that do not exist', () => {
    for (const attempt of [0, -1, 1.5, Number.NaN]) expect(() => backoffMs(attempt, { baseMs: 1, maxMs: 2 })).toThrow(InvalidInputError);
  });

  it('never shrinks and never exceeds the cap', () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 2_000 }), (limit, attempt) => {
        expect(backoffMs(attempt, limit)).toBeLessThanOrEqual(limit.maxMs);
        expect(backoffMs(attempt + 1, limit)).toBeGreaterThanOrEqual(backoffMs(attempt, limit));
      }),
    );
  });

  it('draws a jittered wait between nothing and the doubled one', () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (limit, attempt, draw) => {
        const wait = jitteredBackoffMs(attempt, limit, { next: () => draw, bytes: (length) => new Uint8Array(length) });
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(backoffMs(attempt, limit));
      }),
    );
  });
});
