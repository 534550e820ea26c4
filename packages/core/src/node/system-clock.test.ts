import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { maxTimerDelayMs } from '../clock.ts';
import { InvalidInputError } from '../errors.ts';
import { systemClock } from './system-clock.ts';

// C1: delays beyond 2^31-1 ms, 0, negative, NaN and Infinity.
describe('systemClock with simulated Node timers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits the whole of a delay that Node could not, with few timers', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    const fired = vi.fn();
    const delayMs = 3 * maxTimerDelayMs + 5_000;
    systemClock.setTimer(delayMs, fired);
    vi.advanceTimersByTime(delayMs - 1);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2);
    expect(fired).toHaveBeenCalledTimes(1);
    expect(set.mock.calls.length).toBeLessThan(8);
    for (const [, delay] of set.mock.calls) expect(delay).toBeLessThanOrEqual(maxTimerDelayMs);
  });

  it('fires once, and never early, for any delay', () => {
    fc.assert(
      fc.property(fc.double({ min: -10, max: 2 ** 40, noNaN: true }), (delayMs) => {
        const startedAt = performance.now();
        let firedAt: number | undefined;
        systemClock.setTimer(delayMs, () => (firedAt = performance.now()));
        vi.runAllTimers();
        expect(firedAt).toBeDefined();
        expect(firedAt).toBeGreaterThanOrEqual(startedAt + delayMs);
      }),
    );
  });

  it('can be cancelled between the links of the chain, twice and after it has fired', () => {
    const fired = vi.fn();
    const timer = systemClock.setTimer(2 * maxTimerDelayMs, fired);
    vi.advanceTimersByTime(maxTimerDelayMs + 10);
    timer.cancel();
    timer.cancel();
    vi.runAllTimers();
    expect(fired).not.toHaveBeenCalled();
    const done = systemClock.setTimer(0, fired);
    vi.runAllTimers();
    done.cancel();
    expect(fired).toHaveBeenCalledTimes(1);
  });
});

describe('systemClock', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses a delay of %d', (delayMs) => {
    expect(() => systemClock.setTimer(delayMs, () => {})).toThrow(InvalidInputError);
  });

  it('fires for 0 and negative delays, and not before the caller has gone on', async () => {
    for (const delayMs of [0, -5, 2]) {
      let isFired = false;
      const fired = new Promise<void>((resolve) => systemClock.setTimer(delayMs, () => ((isFired = true), resolve())));
      expect(isFired).toBe(false);
      await fired;
    }
  });

  it('does not fire a timer of 2^31 ms together with one of 20 ms', async () => {
    let isFired = false;
    const far = systemClock.setTimer(2 ** 31, () => (isFired = true));
    await new Promise<void>((resolve) => systemClock.setTimer(20, resolve));
    far.cancel();
    expect(isFired).toBe(false);
  });

  it('goes forward monotonically and tells the time', () => {
    const first = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(60_000);
  });
});
