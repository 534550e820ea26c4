import { InvalidInputError, type Clock, type Timer } from '@cortex-runtime/core';
import { z } from 'zod';

import type { CronScheduler } from './cron-scheduler.ts';

/** How the scheduler sleeps and works. */
export const CronSchedulerOptions = z.strictObject({
  /** Milliseconds after which the wall clock is read again although nothing is due: within it a jump of the clock is noticed. */
  maxSleepMs: z.int().min(100).default(60_000),
  /** Milliseconds of callbacks in a row before other work of the event loop gets its turn. */
  maxRunMs: z.number().min(1).default(10),
});
export type CronSchedulerOptions = z.input<typeof CronSchedulerOptions>;

const setBackMs = 3_600_000;

/** One binary heap of due times and one timer of the clock. 100,000 schedules cost some 100 bytes each beside their callbacks (bench/cron-schedules). */
export function cronScheduler(clock: Clock, options: CronSchedulerOptions = {}): CronScheduler {
  return new HeapScheduler(clock, CronSchedulerOptions.parse(options));
}

class HeapTimer implements Timer {
  /** Index in the heap, or -1 once it has fired or was cancelled. */
  index: number;
  readonly callback: () => void;
  readonly alsoWhenSetBack: boolean;
  readonly #owner: HeapScheduler;

  constructor(owner: HeapScheduler, index: number, callback: () => void, alsoWhenSetBack: boolean) {
    this.alsoWhenSetBack = alsoWhenSetBack;
    this.#owner = owner;
    this.index = index;
    this.callback = callback;
  }

  cancel(): void {
    if (this.index !== -1) this.#owner.remove(this);
  }
}

class HeapScheduler implements CronScheduler {
  readonly #clock: Clock;
  readonly #settings: z.output<typeof CronSchedulerOptions>;
  /** Due times in heap order; `#timers` is in the same order. */
  #dueAt = new Float64Array(16);
  readonly #timers: HeapTimer[] = [];
  #sleep: Timer | undefined;
  /** Wall-clock time that `#sleep` was set for. */
  #wakeAt = Number.POSITIVE_INFINITY;
  #isRunning = false;
  /** Wall-clock minus monotonic time when it was last looked at: it shrinks when the clock is set back. */
  #lead: number;

  constructor(clock: Clock, settings: z.output<typeof CronSchedulerOptions>) {
    this.#clock = clock;
    this.#settings = settings;
    this.#lead = clock.now() - clock.monotonic();
  }

  get size(): number {
    return this.#timers.length;
  }

  at(dueAt: number, callback: () => void, options?: { alsoWhenSetBack?: boolean }): Timer {
    if (!Number.isFinite(dueAt)) throw new InvalidInputError('dueAt', `must be milliseconds since the epoch, got ${String(dueAt)}`);
    const index = this.#timers.length;
    if (index === this.#dueAt.length) {
      const larger = new Float64Array(Math.ceil(index * 1.5));
      larger.set(this.#dueAt);
      this.#dueAt = larger;
    }
    const timer = new HeapTimer(this, index, callback, options?.alsoWhenSetBack ?? false);
    this.#timers.push(timer);
    this.#dueAt[index] = dueAt;
    this.#up(index);
    if (dueAt < this.#wakeAt) this.#rest();
    return timer;
  }

  close(): void {
    for (const timer of this.#timers) timer.index = -1;
    this.#timers.length = 0;
    this.#dueAt = new Float64Array(16);
    this.#rest();
  }

  remove(timer: HeapTimer): void {
    const index = timer.index;
    timer.index = -1;
    const last = this.#timers.pop();
    if (last !== undefined && last !== timer) {
      this.#dueAt[index] = this.#dueAt[this.#timers.length] ?? 0;
      this.#timers[index] = last;
      last.index = index;
      this.#up(index);
      this.#down(last.index);
    }
    if (this.#timers.length === 0) this.#rest();
  }

  /** Sets the one timer anew. */
  #rest(): void {
    if (this.#isRunning) return;
    this.#sleep?.cancel();
    this.#sleep = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    if (this.#timers.length === 0) return;
    const dueAt = this.#dueAt[0] ?? 0;
    const sleepMs = Math.min(Math.max(dueAt - this.#clock.now(), 0), this.#settings.maxSleepMs);
    this.#wakeAt = dueAt;
    this.#sleep = this.#clock.setTimer(sleepMs, () => this.#wake());
  }

  #wake(): void {
    this.#isRunning = true;
    this.#noticeSetBack();
    const stopAt = this.#clock.monotonic() + this.#settings.maxRunMs;
    try {
      for (let first = this.#timers[0]; first !== undefined && (this.#dueAt[0] ?? 0) <= this.#clock.now(); first = this.#timers[0]) {
        this.remove(first);
        first.callback();
        if (this.#clock.monotonic() >= stopAt) break;
      }
    } finally {
      this.#isRunning = false;
      this.#rest();
    }
  }

  #noticeSetBack(): void {
    const lead = this.#clock.now() - this.#clock.monotonic();
    const isSetBack = lead < this.#lead - setBackMs;
    this.#lead = lead;
    if (!isSetBack) return;
    for (let index = 0; index < this.#timers.length; index += 1) if (this.#timers[index]?.alsoWhenSetBack === true) this.#dueAt[index] = Number.NEGATIVE_INFINITY;
    for (let index = this.#timers.length >> 1; index >= 0; index -= 1) this.#down(index);
  }

  #up(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((this.#dueAt[parent] ?? 0) <= (this.#dueAt[index] ?? 0)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(start: number): void {
    let index = start;
    const size = this.#timers.length;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) return;
      if (child + 1 < size && (this.#dueAt[child + 1] ?? 0) < (this.#dueAt[child] ?? 0)) child += 1;
      if ((this.#dueAt[index] ?? 0) <= (this.#dueAt[child] ?? 0)) return;
      this.#swap(index, child);
      index = child;
    }
  }

  #swap(a: number, b: number): void {
    const dueAt = this.#dueAt;
    const timers = this.#timers;
    const due = dueAt[a] ?? 0;
    dueAt[a] = dueAt[b] ?? 0;
    dueAt[b] = due;
    const first = timers[a];
    const second = timers[b];
    if (first === undefined || second === undefined) return;
    timers[a] = second;
    second.index = a;
    timers[b] = first;
    first.index = b;
  }
}
