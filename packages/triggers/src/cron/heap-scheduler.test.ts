import { fixedClock } from '@cortex-runtime/core/testing';
import { systemClock } from '@cortex-runtime/core/node';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';

import { cronScheduler } from './heap-scheduler.ts';

const dayMs = 86_400_000;

describe('cronScheduler', () => {
  it('fires in order of due time, never early and each once', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ delay: fc.integer({ min: -1_000, max: 500_000 }), cancels: fc.boolean() }), { maxLength: 60 }), async (jobs) => {
      const clock = fixedClock();
      const start = clock.now();
      const scheduler = cronScheduler(clock);
      const fired: number[] = [];
      const timers = jobs.map(({ delay }) => scheduler.at(start + delay, () => {
        expect(clock.now()).toBeGreaterThanOrEqual(start + delay);
        fired.push(delay);
      }));
      jobs.forEach(({ cancels }, index) => cancels && timers[index]?.cancel());
      await clock.advance(500_000);
      expect(fired).toEqual(jobs.filter(({ cancels }) => !cancels).map(({ delay }) => delay).sort((a, b) => a - b));
      expect(scheduler.size).toBe(0);
      expect(clock.pending()).toEqual([]);
    }), { numRuns: 60 });
  });

  // C1
  it('waits beyond 2^31 ms without spinning', async () => {
    const clock = fixedClock();
    let fired = 0;
    const scheduler = cronScheduler(clock, { maxSleepMs: 10 * dayMs });
    const dueAt = clock.now() + 2 ** 31 + 5;
    scheduler.at(dueAt, () => (fired = clock.now()));
    await clock.advance(2 ** 31);
    expect(fired).toBe(0);
    expect(clock.pending()).toHaveLength(1);
    await clock.advance(5);
    expect(fired).toBe(dueAt);
  });

  it('refuses times that are none', () => {
    const scheduler = cronScheduler(fixedClock());
    for (const dueAt of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) expect(() => scheduler.at(dueAt, () => {})).toThrow(/dueAt/);
  });

  it('fires what is past on the next turn, not at once', async () => {
    const clock = fixedClock();
    let fired = 0;
    cronScheduler(clock).at(0, () => (fired += 1));
    expect(fired).toBe(0);
    await clock.advance(0);
    expect(fired).toBe(1);
  });

  // C2
  it('notices a clock set forward within a minute', async () => {
    const clock = fixedClock();
    let fired = 0;
    cronScheduler(clock).at(clock.now() + 3_600_000, () => (fired += 1));
    clock.jump(3_600_000);
    await clock.advance(60_000);
    expect(fired).toBe(1);
  });

  it('waits for the wall clock when it is set back', async () => {
    const clock = fixedClock();
    let fired = 0;
    cronScheduler(clock).at(clock.now() + 60_000, () => (fired += 1));
    clock.jump(-3_600_000);
    await clock.advance(3_600_000);
    expect(fired).toBe(0);
    await clock.advance(60_000);
    expect(fired).toBe(1);
  });

  it('has one timer, whatever the number of schedules', () => {
    const clock = fixedClock();
    const scheduler = cronScheduler(clock);
    for (let index = 0; index < 1_000; index += 1) scheduler.at(clock.now() + ((index * 7_919) % 1_000), () => {});
    expect(clock.pending()).toEqual([0]);
    expect(scheduler.size).toBe(1_000);
    scheduler.close();
    expect(clock.pending()).toEqual([]);
    expect(scheduler.size).toBe(0);
  });

  it('goes on with the others when a callback throws', async () => {
    const clock = fixedClock();
    const scheduler = cronScheduler(clock);
    let fired = 0;
    scheduler.at(clock.now() + 10, () => {
      throw new Error('callback failed');
    });
    scheduler.at(clock.now() + 10, () => (fired += 1));
    await expect(clock.advance(10)).rejects.toThrow('callback failed');
    await clock.advance(10);
    expect(fired).toBe(1);
  });

  // C5
  it('runs 100,000 jobs of one moment in slices that leave the event loop its turns', async () => {
    const scheduler = cronScheduler(systemClock);
    onTestFinished(() => scheduler.close());
    let fired = 0;
    let turns = 0;
    const dueAt = Date.now() + 200;
    await new Promise<void>((resolve) => {
      const other = () => {
        turns += fired > 0 ? 1 : 0;
        if (fired < 100_000) setImmediate(other);
      };
      for (let index = 0; index < 100_000; index += 1) scheduler.at(dueAt, () => (fired += 1) === 100_000 && resolve());
      other();
    });
    expect(fired).toBe(100_000);
    expect(turns).toBeGreaterThan(1);
  });
});
