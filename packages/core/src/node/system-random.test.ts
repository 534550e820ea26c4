import { describe, expect, it } from 'vitest';

import { systemRandom } from './system-random.ts';

describe('systemRandom', () => {
  it('draws evenly from [0, 1)', () => {
    const buckets = new Array<number>(8).fill(0);
    for (let index = 0; index < 80_000; index += 1) {
      const value = systemRandom.next();
      expect(value >= 0 && value < 1).toBe(true);
      buckets[Math.floor(value * 8)] = (buckets[Math.floor(value * 8)] ?? 0) + 1;
    }
    // 10 standard deviations: a failure is a bug, not bad luck.
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(950);
  });

  it('gives as many bytes as asked, never the same twice', () => {
    expect(systemRandom.bytes(0)).toHaveLength(0);
    expect(systemRandom.bytes(32)).toHaveLength(32);
    expect(systemRandom.bytes(32)).not.toEqual(systemRandom.bytes(32));
  });
});
