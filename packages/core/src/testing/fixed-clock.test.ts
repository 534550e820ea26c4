import { describe, expect, it } from 'vitest';

import { sleep } from '../clock.ts';
import { fixedClock } from './fixed-clock.ts';

describe('fixedClock', () => {
  it('stands still until it is advanced, and fires in order', async () => {
    const clock = fixedClock(1_000);
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push(`b at ${clock.now()}`));
    clock.setTimer(10, () => fired.push(`a at ${clock.now()}`));
    clock.setTimer(10, () => fired.push('never')).cancel();
    await clock.advance(15);
    expect(fired).toEqual(['a at 1010']);
    expect(clock.pending()).toEqual([5]);
    await clock.advance(5);
    expect(fired).toEqual(['a at 1010', 'b at 1020']);
  });

  it('fires timers that timers and promises start on the way', async () => {
    const clock = fixedClock(0);
    let wokenAt = 0;
    void sleep(clock, 10).then(() => sleep(clock, 10)).then(() => (wokenAt = clock.now()));
    await clock.advance(100);
    expect(wokenAt).toBe(20);
  });

  it('jumps with the wall clock only', async () => {
    const clock = fixedClock(5_000);
    let fired = 0;
    clock.setTimer(10, () => (fired += 1));
    clock.jump(-3_000);
    expect([clock.now(), clock.monotonic(), fired]).toEqual([2_000, 0, 0]);
    await clock.advance(10);
    expect([clock.now(), clock.monotonic(), fired]).toEqual([2_010, 10, 1]);
  });

  it('refuses a delay that is no number', () => {
    expect(() => fixedClock().setTimer(Number.NaN, () => {})).toThrow(RangeError);
  });
});
