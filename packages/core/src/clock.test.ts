import { describe, expect, it } from 'vitest';

import { sleep, type Clock } from './clock.ts';

function manualClock() {
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    setTimer(_, callback) {
      timers.add(callback);
      return { cancel: () => timers.delete(callback) };
    },
  };
  return { clock, timers, fire: () => timers.forEach((callback) => callback()) };
}

describe('sleep', () => {
  it('resolves when its timer fires', async () => {
    const { clock, fire } = manualClock();
    const sleeping = sleep(clock, 1_000);
    fire();
    await expect(sleeping).resolves.toBeUndefined();
  });

  it('rejects with the reason of an abort and leaves no timer behind', async () => {
    const { clock, timers } = manualClock();
    const abort = new AbortController();
    const sleeping = sleep(clock, 1_000, abort.signal);
    abort.abort(new Error('stopping'));
    await expect(sleeping).rejects.toThrow('stopping');
    expect(timers.size).toBe(0);
  });

  it('rejects at once, without a timer, when it is already aborted', async () => {
    const { clock, timers } = manualClock();
    await expect(sleep(clock, 1_000, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    expect(timers.size).toBe(0);
  });
});
