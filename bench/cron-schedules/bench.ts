/**
 * What does a cron job cost, and how late is it? One line per case.
 *
 * Every figure of memory is the growth of the heap and of array buffers after two collections.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { systemClock } from '@cortex-runtime/core/node';
import { cronSchedule, cronScheduler, type CronSchedule } from '@cortex-runtime/triggers';

const jobs = Number(process.env['BENCH_JOBS'] ?? 100_000);

const line = (name: string, facts: Record<string, string>) => console.log(`${name.padEnd(56)} ${Object.entries(facts).map(([key, value]) => `${key} ${value}`).join('   ')}`);
const thousands = (value: number) => Math.round(value).toLocaleString('en-US');

function usedBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run with node --expose-gc');
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function bytesPerJob<T>(count: number, make: (index: number) => T): Promise<{ bytes: number; kept: T[] }> {
  const kept: T[] = Array.from({ length: count });
  const before = usedBytes();
  for (let index = 0; index < count; index += 1) kept[index] = make(index);
  await new Promise((resolve) => setImmediate(resolve));
  return { bytes: (usedBytes() - before) / count, kept };
}

/** 86,400 different expressions, and as many zones as asked for. */
const expressionOf = (index: number) => `${index % 60} ${Math.trunc(index / 60) % 60} ${Math.trunc(index / 3_600) % 24} * * ${1 + (index % 5)}`;
const timezone = 'America/New_York';

function nextPerSecond(schedules: readonly { next(after: number): number | undefined }[], rounds: number): number {
  const begun = performance.now();
  let count = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const schedule of schedules) {
      let at = Date.UTC(2026, 0, 1);
      for (let step = 0; step < 20; step += 1) at = schedule.next(at) ?? at;
      count += 20;
    }
  }
  return count / ((performance.now() - begun) / 1_000);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Lateness of jobs that fall due evenly over one second, or all at one moment. */
async function lateness(spreadMs: number): Promise<{ p50: number; p99: number; worst: number; loopWorst: number }> {
  const scheduler = cronScheduler(systemClock);
  const late: number[] = [];
  const start = Date.now() + 1_500;
  let loopWorst = 0;
  let isOver = false;
  await new Promise<void>((resolve) => {
    for (let index = 0; index < jobs; index += 1) {
      const dueAt = start + Math.floor((index * spreadMs) / jobs);
      scheduler.at(dueAt, () => {
        late.push(Date.now() - dueAt);
        if (late.length === jobs) resolve();
      });
    }
    let previous = performance.now();
    const watchLoop = () => {
      const now = performance.now();
      if (late.length > 0) loopWorst = Math.max(loopWorst, now - previous);
      previous = now;
      if (!isOver) setImmediate(watchLoop);
    };
    watchLoop();
  });
  isOver = true;
  scheduler.close();
  late.sort((a, b) => a - b);
  return { p50: percentile(late, 0.5), p99: percentile(late, 0.99), worst: late.at(-1) ?? 0, loopWorst };
}

const cases: Record<string, () => Promise<void>> = {
  async 'memory, distinct schedules'() {
    cronSchedule('* * * * *', { timezone }).next(0);
    const scheduler = cronScheduler(systemClock);
    // The text of an expression belongs to the configuration, which is there with or without a job.
    const expressions = Array.from({ length: jobs }, (_, index) => Buffer.from(expressionOf(index)).toString());
    const { bytes, kept } = await bytesPerJob(jobs, (index) => {
      const schedule = cronSchedule(expressions[index] ?? '', { timezone });
      return scheduler.at((schedule.next(Date.now()) ?? 0) + 86_400_000, () => void schedule);
    });
    line(`cortex: ${thousands(kept.length)} jobs, distinct expressions`, { bytes: thousands(bytes) });
    scheduler.close();
  },
  async 'memory, shared schedule'() {
    const scheduler = cronScheduler(systemClock);
    const { bytes, kept } = await bytesPerJob(jobs, () => {
      const schedule = cronSchedule('0 9 * * 1-5', { timezone });
      return scheduler.at((schedule.next(Date.now()) ?? 0) + 86_400_000, () => void schedule);
    });
    line(`cortex: ${thousands(kept.length)} jobs, one expression`, { bytes: thousands(bytes) });
    scheduler.close();
  },
  async 'memory, peers'() {
    const { Cron } = await import('croner');
    const croner = await bytesPerJob(5_000, (index) => new Cron(expressionOf(index), { timezone }, () => {}));
    line('croner: 5,000 jobs, distinct expressions', { bytes: thousands(croner.bytes) });
    for (const job of croner.kept) job.stop();
    const nodeCron = await import('node-cron');
    const peer = await bytesPerJob(2_000, (index) => nodeCron.schedule(expressionOf(index), () => {}, { timezone }));
    line('node-cron: 2,000 jobs, distinct expressions', { bytes: thousands(peer.bytes) });
    for (const job of peer.kept) await job.stop();
  },
  async 'next, distinct'() {
    const schedules = Array.from({ length: 2_000 }, (_, index) => cronSchedule(expressionOf(index * 43), { timezone }));
    nextPerSecond(schedules, 2);
    line('cortex: next(), distinct expressions, New York', { 'per second': thousands(nextPerSecond(schedules, 10)) });
  },
  async 'next, shared'() {
    const schedule: CronSchedule = cronSchedule('0 9 * * 1-5', { timezone });
    const after = Date.now();
    const begun = performance.now();
    let sum = 0;
    for (let index = 0; index < 10_000_000; index += 1) sum += schedule.next(after) ?? 0;
    line('cortex: next(), the same question of a shared schedule', { 'per second': thousands(10_000_000 / ((performance.now() - begun) / 1_000) + (sum === 0 ? 1 : 0)) });
  },
  async 'next, peers'() {
    const { Cron } = await import('croner');
    const croner = Array.from({ length: 100 }, (_, index) => {
      const cron = new Cron(expressionOf(index * 43), { timezone });
      return { next: (after: number) => cron.nextRun(new Date(after))?.getTime() };
    });
    nextPerSecond(croner, 1);
    line('croner: next(), distinct expressions, New York', { 'per second': thousands(nextPerSecond(croner, 5)) });
    const { CronExpressionParser } = await import('cron-parser');
    const parsed = Array.from({ length: 100 }, (_, index) => CronExpressionParser.parse(expressionOf(index * 43), { tz: timezone, currentDate: new Date(Date.UTC(2026, 0, 1)) }));
    line('cron-parser: next(), distinct expressions, New York', { 'per second': thousands(nextPerSecond(parsed.map((expression) => ({ next: () => expression.next().getTime() })), 1)) });
  },
  async lateness() {
    for (const [name, spreadMs] of [['over one second', 1_000], ['at one moment', 1]] as const) {
      const { p50, p99, worst, loopWorst } = await lateness(spreadMs);
      line(`cortex: ${thousands(jobs)} jobs due ${name}`, { 'late p50': `${p50} ms`, p99: `${p99} ms`, worst: `${worst} ms`, 'longest turn': `${loopWorst.toFixed(1)} ms` });
    }
  },
  async 'lateness, peers'() {
    const { Cron } = await import('croner');
    const late: number[] = [];
    const start = Math.ceil((Date.now() + 8_000) / 1_000) * 1_000;
    const at = new Date(start);
    const count = 5_000;
    await new Promise<void>((resolve) => {
      const jobList = Array.from({ length: count }, () => new Cron(`${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`, { timezone: 'UTC' }, () => {
        late.push(Date.now() - start);
        if (late.length < count) return;
        for (const job of jobList) job.stop();
        resolve();
      }));
    });
    late.sort((a, b) => a - b);
    line(`croner: ${thousands(count)} jobs due at one moment`, { 'late p50': `${percentile(late, 0.5)} ms`, p99: `${percentile(late, 0.99)} ms`, worst: `${late.at(-1)} ms` });
  },
};

/** @param only - part of the names of the cases to run; all when left out */
export async function main(only?: string): Promise<void> {
  const [processor] = cpus();
  const release = readFileSync('/proc/version', 'utf8').split(' ').slice(0, 3).join(' ');
  console.log(`node ${process.version}, ${processor?.model ?? 'unknown processor'}, ${release}`);
  for (const [name, run] of Object.entries(cases)) {
    if (only !== undefined && !name.includes(only)) continue;
    try {
      await run();
    } catch (error) {
      console.log(`${name}: left out, ${(error as Error).message}`);
    }
  }
}
