import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { durationInUnit, formatDuration, parseDurationMs } from './duration.ts';
import { InvalidInputError } from './errors.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250], ['90s', 90_000], ['5m', 300_000], ['2h', 7_200_000], ['1d', 86_400_000], ['1h30m', 5_400_000], ['0.5s', 500], [' 10 ', 10_000], ['1.1', 1_100], ['0', 0], ['1s1s', 2_000],
  ])('reads %j', (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  it('counts a bare number in the unit of the field', () => {
    expect([parseDurationMs(2, 'ms'), parseDurationMs(2, 's'), parseDurationMs(2, 'h')]).toEqual([2, 2_000, 7_200_000]);
  });

  it.each(['', 'soon', '5 m', '-1s', '1w', '1e3s', 's', '1.s', '9'.repeat(400), '9'.repeat(39), '1'.repeat(38) + 'd', -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300])('refuses %j', (value) => {
    expect(() => parseDurationMs(value, 's', 'idle_timeout')).toThrow(InvalidInputError);
    expect(() => parseDurationMs(value, 's', 'idle_timeout')).toThrow(/^idle_timeout: must be a number of seconds or a duration such as "90s"/);
  });

  it('gives back whole milliseconds that were written in any unit', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 52 }), fc.constantFrom('ms' as const, 's' as const, 'h' as const), (milliseconds, unit) => {
        const back = parseDurationMs(durationInUnit(milliseconds, unit), unit);
        expect(Math.abs(back - milliseconds)).toBeLessThanOrEqual(milliseconds > 1e12 ? 1 : 0);
      }),
    );
  });

  it.each([
    [0, '0ms'], [850, '850ms'], [12_000, '12s'], [60_000, '1m'], [200_000, '3m 20s'], [7_500_000, '2h 5m'], [86_400_000, '1d'], [4 * 86_400_000 + 3 * 3_600_000, '4d 3h'],
  ])('shows %d ms as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
