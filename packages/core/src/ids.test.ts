import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Clock } from './clock.ts';
import { idGenerator, randomHex } from './ids.ts';
import { systemClock, systemRandom } from './node/index.ts';

const clockAt = (now: () => number): Clock => ({ ...systemClock, now });

describe('idGenerator', () => {
  it('makes UUIDs of version 7 that carry the time of the clock', () => {
    const id = idGenerator({ clock: clockAt(() => 0x0123_4567_89ab), random: systemRandom })();
    expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('makes ids that are unique and in order within one millisecond', () => {
    const createId = idGenerator({ clock: clockAt(() => 1_700_000_000_000), random: systemRandom });
    const ids = Array.from({ length: 50_000 }, createId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });

  it('keeps the order while the clock jumps back by up to ten seconds', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3_000, max: 3_000 }), { minLength: 1, maxLength: 3 }), (steps) => {
        let now = 1_700_000_000_000;
        const createId = idGenerator({ clock: clockAt(() => now), random: systemRandom });
        let previous = createId();
        for (const step of steps) {
          now += step;
          const id = createId();
          expect(id > previous).toBe(true);
          previous = id;
        }
      }),
    );
  });
});

describe('randomHex', () => {
  it('is two digits for each byte', () => {
    expect(randomHex(systemRandom, 16)).toMatch(/^[0-9a-f]{32}$/);
    expect(randomHex({ ...systemRandom, bytes: () => Uint8Array.of(0, 10, 255) }, 3)).toBe('000aff');
  });
});
