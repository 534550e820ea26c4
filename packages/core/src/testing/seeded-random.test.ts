import { describe, expect, it } from 'vitest';

import { seededRandom } from './seeded-random.ts';

const draw = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe('seededRandom', () => {
  it('gives the same values for the same seed, and others for another', () => {
    expect(draw(7, 50)).toEqual(draw(7, 50));
    expect(draw(7, 50)).not.toEqual(draw(8, 50));
    expect(seededRandom(7).bytes(8)).toEqual(seededRandom(7).bytes(8));
  });

  it('draws evenly from [0, 1)', () => {
    const values = draw(1, 20_000);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    for (let tenth = 0; tenth < 10; tenth += 1) expect(Math.abs(values.filter((value) => Math.floor(value * 10) === tenth).length - 2_000)).toBeLessThan(250);
  });
});
