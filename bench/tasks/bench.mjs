/**
 * What does a task cost from end to end, against a job of BullMQ on the same Redis? `node bench/run.mjs tasks [case]`
 *
 * Submitter and worker are processes of their own on both sides; Redis keeps an append-only file (everysec). Our outcomes are on disk (fdatasync) before Redis is told;
 * BullMQ has no such step. Rounds alternate.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../tools/install.mjs';
import { startRedis } from '../harness/redis-server.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { openSide } from '../harness/side.mjs';
import { percentile, ratioOf, spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const tasks = Number(process.env.BENCH_TASKS ?? 30_000);
/** Each process has done this many before it is measured: agents and their clients run for weeks. */
const warmUp = 5_000;
const cortexSide = 'bench/tasks/cortex-side.ts';
const bullSide = 'bench/tasks/bull-side.mjs';

export async function bench(only) {
  const directory = workDirectory();
  sayMachine(directory);
  console.log(`Redis with an append-only file, everysec; ${rounds} rounds, median (least-greatest); class standard: outcomes on disk before Redis is told`);
  const wanted = (name) => only === undefined || name.includes(only);
  if (wanted('throughput')) await throughput(directory);
  if (wanted('round trip')) await roundTrip(directory);
  if (wanted('redelivery')) await redelivery(directory);
  if (wanted('idle')) await idle(directory);
}

/** Both sides of one round, on a fresh server each. */
async function withSides(directory, work) {
  const redis = await startRedis(directory);
  const sides = [];
  const open = async (entry, settings) => {
    const side = await openSide(entry, { environment: { NODE_NO_WARNINGS: '1' } });
    sides.push(side);
    await side.call('open', settings);
    return side;
  };
  try {
    return await work(redis, open);
  } finally {
    for (const side of sides) {
      await side.call('close').catch(() => {});
      await side.close();
    }
    await redis.stop();
  }
}

async function throughput(directory) {
  const samples = { submit: [], bulk: [], c50: [], c200: [], bull: [], commands: [], cpu: [], bullCommands: [], bullCpu: [] };
  const perSecond = (milliseconds) => tasks / (milliseconds / 1_000);
  for (let round = 0; round <= rounds; round += 1) {
    const found = {};
    await withSides(directory, async (redis, open) => {
      const queue = await open(bullSide, { port: redis.port, name: `q${round}` });
      const worker = await open(bullSide, { port: redis.port, name: `q${round}` });
      await queue.call('submit', { count: warmUp });
      const warm = worker.call('done', warmUp);
      await worker.call('work', { concurrency: 50 });
      await warm;
      await worker.call('pause');
      const before = await redis.usage();
      found.bulk = perSecond(await queue.call('submit', { count: tasks }));
      const done = worker.call('done', tasks);
      await worker.call('resume');
      found.bull = perSecond(await done);
      const after = await redis.usage();
      found.bullCommands = (after.commands - before.commands) / tasks;
      found.bullCpu = ((after.cpuSeconds - before.cpuSeconds) / tasks) * 1e6;
      await worker.call('stopWork');
    });
    for (const concurrency of [50, 200]) {
      await withSides(directory, async (redis, open) => {
        const client = await open(cortexSide, { url: redis.url });
        const worker = await open(cortexSide, { url: redis.url });
        await client.call('submit', { count: warmUp, domain: 'warm' });
        const warm = worker.call('done', warmUp);
        await worker.call('work', { domain: 'warm', concurrency, directory: join(directory, `journal-${round}-${concurrency}`) });
        await warm;
        await worker.call('stopConsumer');
        const before = await redis.usage();
        const submitted = perSecond(await client.call('submit', { count: tasks, domain: 'eng' }));
        const done = worker.call('done', tasks);
        await worker.call('work', { domain: 'eng', concurrency });
        found[`c${concurrency}`] = perSecond(await done);
        const after = await redis.usage();
        if (concurrency === 50) {
          found.submit = submitted;
          found.commands = (after.commands - before.commands) / tasks;
          found.cpu = ((after.cpuSeconds - before.cpuSeconds) / tasks) * 1e6;
        }
        await worker.call('stopWork');
      });
    }
    if (round > 0) for (const [name, value] of Object.entries(found)) samples[name].push(value);
  }
  const submit = ratioOf(samples.submit, samples.bulk);
  sayGoal('submitted/s ÷ BullMQ addBulk', shown(submit), { goal: '≥ 3', isMet: submit.median >= 3 });
  const completed = ratioOf(samples.c50, samples.bull);
  sayGoal('completed/s, concurrency 50, on disk ÷ BullMQ, 50', shown(completed), { goal: '≥ 2.5', isMet: completed.median >= 2.5 });
  say('  the same with concurrency 200', shown(ratioOf(samples.c200, samples.bull)));
  const commands = spreadOf(samples.commands);
  sayGoal('Redis commands of a task', shown(commands), { goal: '≤ 5', isMet: commands.median <= 5 });
  const cpu = spreadOf(samples.cpu);
  sayGoal('Redis CPU of a task', shown(cpu, 'µs'), { goal: '≤ 9', isMet: cpu.median <= 9 });
  say('  BullMQ: commands, CPU', `${shown(spreadOf(samples.bullCommands))}, ${shown(spreadOf(samples.bullCpu), 'µs')}`);
  say('  CPU of a BullMQ job ÷ of a task', shown(ratioOf(samples.bullCpu, samples.cpu)));
  for (const [name, title] of [['submit', 'submitted'], ['bulk', 'BullMQ addBulk of 500'], ['c50', 'completed, concurrency 50'], ['c200', 'completed, concurrency 200'], ['bull', 'BullMQ completed, concurrency 50']]) {
    say(`  ${title}`, shown(spreadOf(samples[name]), 'per s'));
  }
}

async function roundTrip(directory) {
  const [count, turns, warmTrips] = [1_000, 5, 300];
  const samples = { cortex: [], bull: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const found = await withSides(directory, async (redis, open) => {
      const queue = await open(bullSide, { port: redis.port, name: 'q' });
      const bullWorker = await open(bullSide, { port: redis.port, name: 'q' });
      await bullWorker.call('work', { concurrency: 50 });
      const client = await open(cortexSide, { url: redis.url });
      const worker = await open(cortexSide, { url: redis.url });
      await worker.call('work', { domain: 'eng', concurrency: 50, directory: join(directory, `trips-${round}`) });
      await queue.call('roundTrips', { count: warmTrips });
      await client.call('roundTrips', { count: warmTrips, domain: 'eng' });
      // In turns: what else the machine does hits both.
      const trips = { bull: [], cortex: [] };
      for (let turn = 0; turn < turns; turn += 1) {
        trips.bull.push(...(await queue.call('roundTrips', { count: count / turns })));
        trips.cortex.push(...(await client.call('roundTrips', { count: count / turns, domain: 'eng' })));
      }
      await bullWorker.call('stopWork');
      await worker.call('stopWork');
      return trips;
    });
    if (round > 0) for (const [name, values] of Object.entries(found)) samples[name].push(values.sort((a, b) => a - b));
  }
  const at = (name, share) => samples[name].map((sorted) => percentile(sorted, share));
  const ratio = ratioOf(at('cortex', 0.5), at('bull', 0.5));
  sayGoal('submit, work, on disk, result ÷ BullMQ, not on disk, p50', shown(ratio), { goal: '≤ 1', isMet: ratio.median <= 1 });
  say('  the same, p99', shown(ratioOf(at('cortex', 0.99), at('bull', 0.99))));
  for (const [name, title] of [['cortex', 'task and its result'], ['bull', 'BullMQ add and waitUntilFinished']]) say(`  ${title}: p50, p99`, `${shown(spreadOf(at(name, 0.5)))} / ${shown(spreadOf(at(name, 0.99)), 'ms')}`);
}

/** A worker that holds a task, as people start one: default settings. */
async function holder(redis) {
  const child = fork(join(root, 'bench/tasks/holder.mjs'), [redis.url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const said = (word) => new Promise((resolve) => {
    const listen = (message) => {
      if (message.word !== word) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });
  return { child, said, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

async function redelivery(directory) {
  const samples = { SIGKILL: [], SIGTERM: [] };
  await withSides(directory, async (redis, open) => {
    const client = await open(cortexSide, { url: redis.url });
    for (const signal of ['SIGKILL', 'SIGTERM']) {
      for (let round = 0; round < rounds; round += 1) {
        const first = await holder(redis);
        await first.said('ready');
        const began = first.said('began');
        await client.call('submit', { count: 1, domain: 'eng' });
        await began;
        const second = await holder(redis);
        await second.said('ready');
        const taken = second.said('began');
        const stoppedAt = performance.now();
        first.child.kill(signal);
        await taken;
        samples[signal].push((performance.now() - stoppedAt) / 1_000);
        second.child.send('finish');
        await second.said('done');
        second.child.kill('SIGTERM');
        await Promise.all([first.ended, second.ended]);
      }
    }
  });
  const killed = spreadOf(samples.SIGKILL);
  sayGoal('worker killed → task begun elsewhere, default settings', shown(killed, 's'), { goal: '≤ 10 s', isMet: killed.max <= 10 });
  const stopped = spreadOf(samples.SIGTERM);
  sayGoal('worker told to stop → task begun elsewhere', shown(stopped, 's'), { goal: '≤ 0.5 s', isMet: stopped.median <= 0.5 });
}

async function idle(directory) {
  const seconds = 12;
  for (const agents of [1, 100]) {
    await withSides(directory, async (redis, open) => {
      const side = await open('bench/tasks/idle-side.ts', { url: redis.url, agents });
      void side;
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      const before = await redis.usage();
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
      const perSecond = ((await redis.usage()).commands - before.commands - 3) / seconds;
      sayGoal(`idle: Redis commands a second, ${agents} present agents in a process`, perSecond.toFixed(2), { goal: '≤ 2', isMet: perSecond <= 2 });
    });
  }
}
