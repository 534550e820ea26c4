/**
 * What does a message cost, on Redis and in memory? One line per case; medians of `BENCH_ROUNDS` rounds (5), cases in turn within a round.
 *
 * Redis servers are started here, on free ports; the durability class stands beside every figure.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { MemoryBus, type MessageBus, type Subscription } from '@cortex-runtime/bus';
import type { BusConfig } from '@cortex-runtime/bus/config';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { redisServer, type RedisServer } from '@cortex-runtime/bus/testing/servers';
import { type Redis } from 'ioredis';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const tasks = Number(process.env['BENCH_TASKS'] ?? 50_000);
const payload = 'x'.repeat(200);
const everysec = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
const peers = createRequire(join(process.cwd(), 'bench/'));

interface BullQueue {
  addBulk(jobs: { name: string; data: unknown; opts?: object }[]): Promise<unknown>;
  add(name: string, data: unknown, opts?: object): Promise<unknown>;
  obliterate(options: object): Promise<void>;
  close(): Promise<void>;
}
interface BullWorker {
  close(force?: boolean): Promise<void>;
  waitUntilReady(): Promise<unknown>;
}
const bull = () =>
  peers('bullmq') as {
    Queue: new (name: string, options: object) => BullQueue;
    Worker: new (name: string, work: () => Promise<void>, options: object) => BullWorker;
  };

const line = (name: string, facts: Record<string, string>) => console.log(`${name.padEnd(58)} ${Object.entries(facts).map(([key, value]) => `${key} ${value}`).join('   ')}`);
const thousands = (value: number) => Math.round(value).toLocaleString('en-US');
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]) => sorted(values)[Math.floor(values.length / 2)] ?? Number.NaN;
const percentile = (values: readonly number[], share: number) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
const spread = (values: readonly number[]) => `${thousands(median(values))} (${thousands(Math.min(...values))}–${thousands(Math.max(...values))})`;

/** The class that the server's settings allow: what is measured without an append-only file is *memory*. */
const openBus = (server: RedisServer, config: BusConfig = {}) => new RedisStreamBus({ clock: systemClock, random: systemRandom }, { url: server.url, durability: server.keepsFile ? 'standard' : 'memory', ...config });

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return count / ((performance.now() - begun) / 1_000);
}

/** In turns of 1,000, as a busy process has them. */
async function publishAll(bus: MessageBus, stream: string, count: number, dedup: string | undefined): Promise<void> {
  for (let at = 0; at < count; at += 1_000) {
    await Promise.all(Array.from({ length: Math.min(1_000, count - at) }, (_, index) => bus.publish(stream, payload, dedup === undefined ? {} : { dedupId: `${dedup}${at + index}` })));
  }
}

async function consumeAll(subscription: Subscription, count: number): Promise<void> {
  const acks: Promise<void>[] = [];
  for (let taken = 0; taken < count; taken += 1) {
    const { value } = await subscription.next();
    if (value === undefined) throw new Error('the subscription has ended');
    acks.push(value.ack());
  }
  await Promise.all(acks);
}

async function withServer<T>(given: readonly string[], work: (server: RedisServer) => Promise<T>): Promise<T> {
  const server = await redisServer({ args: given.length === 0 ? ['--appendonly', 'no'] : given });
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

async function redisBenchmark(server: RedisServer): Promise<number> {
  const { stdout } = await promisify(execFile)('redis-benchmark', ['-p', String(server.port), '-n', '500000', '-c', '50', '-P', '64', '--csv', 'XADD', 'bench', '*', 'payload', payload]);
  const fields = (stdout.trim().split('\n').at(-1) ?? '').split(',');
  return Number((fields[1] ?? '').replaceAll('"', ''));
}

const bullOptions = (server: RedisServer) => ({ connection: { host: '127.0.0.1', port: server.port, maxRetriesPerRequest: null }, defaultJobOptions: { removeOnComplete: true } });

const cases: Record<string, () => Promise<void>> = {
  /** P1 */
  async accepted() {
    const ours: number[] = [];
    const plain: number[] = [];
    const raw: number[] = [];
    const bulk: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await withServer(everysec, async (server) => {
        raw.push(await redisBenchmark(server));
        const bus = openBus(server);
        await bus.publish('warm', payload);
        ours.push(await perSecond(tasks, () => publishAll(bus, 's', tasks, 'k')));
        plain.push(await perSecond(tasks, () => publishAll(bus, 't', tasks, undefined)));
        await bus.close();
        const queue = new (bull().Queue)('q', bullOptions(server));
        const jobs = Array.from({ length: 500 }, () => ({ name: 'task', data: payload }));
        await queue.addBulk(jobs);
        bulk.push(await perSecond(10_000, async () => {
          for (let at = 0; at < 10_000; at += 500) await queue.addBulk(jobs);
        }));
        await queue.close();
      });
    }
    line('redis-benchmark XADD 200 B, P=64, c=50, AOF everysec', { 'per second': spread(raw) });
    line('cortex: accepted with dedup id, AOF everysec', { 'per second': spread(ours), ratio: (median(ours) / median(raw)).toFixed(3), '÷ BullMQ': (median(ours) / median(bulk)).toFixed(2) });
    line('cortex: accepted without, AOF everysec', { 'per second': spread(plain), ratio: (median(plain) / median(raw)).toFixed(3) });
    line('BullMQ addBulk 500, AOF everysec', { 'per second': spread(bulk), ratio: (median(bulk) / median(raw)).toFixed(3) });
  },

  /** Publish all, then consume all: the bus against the same pattern by hand. */
  async 'end to end'() {
    const ours: number[] = [];
    const raw: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await withServer([], async (server) => {
        const bus = openBus(server);
        await bus.publish('warm', payload);
        ours.push(await perSecond(tasks, async () => {
          await publishAll(bus, 's', tasks, undefined);
          const subscription = bus.subscribe('s', { maxInFlight: 400 });
          await consumeAll(subscription, tasks);
        }));
        await bus.close();
        const client = server.client();
        await client.xgroup('CREATE', 'raw', 'g', '0', 'MKSTREAM');
        raw.push(await perSecond(tasks, () => byHand(client)));
      });
    }
    line('raw ioredis: pipelines of 200, COUNT 200, one XACK each, no AOF', { 'per second': spread(raw) });
    line('cortex: publish all, consume all, no AOF', { 'per second': spread(ours), ratio: (median(ours) / median(raw)).toFixed(3) });
  },

  /** P3 and the rate of completed no-op tasks without a journal. */
  async cost() {
    const facts: Record<string, number[]> = {};
    const note = (name: string, value: number) => (facts[name] ??= []).push(value);
    for (let round = 0; round < rounds; round += 1) {
      await withServer([], async (server) => {
        const client = server.client();
        const bus = openBus(server);
        const subscription = bus.subscribe('s', { maxInFlight: 200 });
        await bus.publish('s', payload);
        await consumeAll(subscription, 1);
        const before = await usage(client);
        note('cortex rate', await perSecond(tasks, () => Promise.all([publishAll(bus, 's', tasks, 'k'), consumeAll(subscription, tasks)])));
        const after = await usage(client);
        note('cortex commands', (after.commands - before.commands) / tasks);
        note('cortex cpu', ((after.cpu - before.cpu) * 1e6) / tasks);
        await bus.close();
      });
      await withServer([], async (server) => {
        const client = server.client();
        const count = tasks / 5;
        const queue = new (bull().Queue)('q', bullOptions(server));
        let done = 0;
        let finish = () => {};
        const worker = new (bull().Worker)('q', async () => {
          done += 1;
          if (done === count) finish();
        }, { ...bullOptions(server), concurrency: 50 });
        await worker.waitUntilReady();
        const before = await usage(client);
        note('bull rate', await perSecond(count, async () => {
          const finished = new Promise<void>((resolve) => {
            finish = resolve;
          });
          for (let at = 0; at < count; at += 500) await queue.addBulk(Array.from({ length: 500 }, () => ({ name: 'task', data: payload })));
          await finished;
        }));
        const after = await usage(client);
        note('bull commands', (after.commands - before.commands) / count);
        note('bull cpu', ((after.cpu - before.cpu) * 1e6) / count);
        await worker.close(true);
        await queue.close();
      });
    }
    const of = (name: string) => median(facts[name] ?? []);
    line('cortex: publish with dedup id and consume at once, no AOF', { 'per second': spread(facts['cortex rate'] ?? []), 'commands/task': of('cortex commands').toFixed(2), 'Redis CPU µs/task': of('cortex cpu').toFixed(1) });
    line('BullMQ addBulk and process, concurrency 50, no AOF', { 'per second': spread(facts['bull rate'] ?? []), 'commands/task': of('bull commands').toFixed(2), 'Redis CPU µs/task': of('bull cpu').toFixed(1) });
  },

  /** P4 */
  async memory() {
    await withServer([], async (server) => {
      const client = server.client();
      const count = 20_000;
      const bus = openBus(server);
      await bus.publish('warm', payload);
      const before = (await usage(client)).memory;
      await publishAll(bus, 's', count, '0193a6e2-5b1c-7000-8000-');
      const with36 = ((await usage(client)).memory - before) / count;
      const between = (await usage(client)).memory;
      await publishAll(bus, 't', count, undefined);
      const without = ((await usage(client)).memory - between) / count;
      await bus.close();
      const queue = new (bull().Queue)('q', bullOptions(server));
      const start = (await usage(client)).memory;
      for (let at = 0; at < count; at += 500) await queue.addBulk(Array.from({ length: 500 }, () => ({ name: 'task', data: payload })));
      line('bytes of Redis memory per queued task of 200 B', { 'cortex with dedup id': thousands(with36), without: thousands(without), BullMQ: thousands(((await usage(client)).memory - start) / count) });
      await queue.close();
    });
  },

  /** P5 */
  async idle() {
    const seconds = 12;
    for (const agents of [1, 100]) {
      await withServer([], async (server) => {
        const client = server.client();
        const bus = openBus(server);
        const subscriptions = Array.from({ length: agents }, (_, index) => bus.subscribe([`tasks:agent:${index}`], {}));
        for (const subscription of subscriptions) void subscription.next();
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        const before = (await usage(client)).commands;
        await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
        line(`idle: ${agents} agents in a process`, { 'commands per second': (((await usage(client)).commands - before - 1) / seconds).toFixed(2), connections: String((await bus.health()).details['connections']) });
        await bus.close();
      });
    }
  },

  /** P6 */
  async latency() {
    const count = 2_000;
    const measured: Record<string, number[]> = { cortex: [], raw: [], bull: [] };
    await withServer([], async (server) => {
      const bus = openBus(server);
      const subscription = bus.subscribe('s', { maxInFlight: 10 });
      await bus.publish('s', payload);
      await consumeAll(subscription, 1);
      for (let index = 0; index < count; index += 1) {
        const taken = subscription.next();
        const begun = performance.now();
        void bus.publish('s', payload, { dedupId: `k${index}` });
        const { value } = await taken;
        measured['cortex']?.push(performance.now() - begun);
        await value?.ack();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await bus.close();
      const [writer, reader] = [server.client(), server.client()];
      await writer.xgroup('CREATE', 'raw', 'g', '0', 'MKSTREAM');
      for (let index = 0; index < count; index += 1) {
        const taken = reader.xreadgroup('GROUP', 'g', 'c', 'COUNT', 10, 'BLOCK', 5_000, 'STREAMS', 'raw', '>');
        await new Promise((resolve) => setTimeout(resolve, 1));
        const begun = performance.now();
        void writer.xadd('raw', '*', 'payload', payload);
        await taken;
        measured['raw']?.push(performance.now() - begun);
      }
      const queue = new (bull().Queue)('q', bullOptions(server));
      let arrived = () => {};
      const worker = new (bull().Worker)('q', async () => arrived(), { ...bullOptions(server), concurrency: 1 });
      await worker.waitUntilReady();
      for (let index = 0; index < count; index += 1) {
        const taken = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        const begun = performance.now();
        void queue.add('task', payload);
        await taken;
        measured['bull']?.push(performance.now() - begun);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await worker.close(true);
      await queue.close();
    });
    for (const [name, values] of Object.entries(measured)) line(`${name}: submit to handler, idle, no AOF`, { p50: `${percentile(values, 0.5).toFixed(3)} ms`, p99: `${percentile(values, 0.99).toFixed(2)} ms` });
  },

  /** P10 */
  async embedded() {
    const count = 200_000;
    const measured: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const bus = new MemoryBus({ clock: systemClock });
      const subscription = bus.subscribe('s', { maxInFlight: 100 });
      measured.push(await perSecond(count, async () => {
        for (let at = 0; at < count; at += 100) {
          for (let index = 0; index < 100; index += 1) void bus.publish('s', payload, { dedupId: `${round}-${at + index}` });
          await consumeAll(subscription, 100);
        }
      }));
      await bus.close();
    }
    line('cortex in memory: dedup id, pending, acknowledged, 100 at once', { 'per second': spread(measured) });
  },
};

async function byHand(client: Redis): Promise<void> {
  for (let at = 0; at < tasks; at += 200) {
    const pipeline = client.pipeline();
    for (let index = 0; index < 200; index += 1) pipeline.xadd('raw', '*', 'type', 'task', 'payload', payload);
    await pipeline.exec();
  }
  const acks: Promise<number>[] = [];
  for (let taken = 0; taken < tasks; ) {
    const reply = (await client.xreadgroup('GROUP', 'g', 'c', 'COUNT', 200, 'STREAMS', 'raw', '>')) as [string, [string, string[]][]][];
    const ids = (reply[0]?.[1] ?? []).map(([id]) => id);
    taken += ids.length;
    acks.push(client.xack('raw', 'g', ...ids));
  }
  await Promise.all(acks);
}

async function usage(client: Redis): Promise<{ commands: number; cpu: number; memory: number }> {
  const info = `${await client.info()}${await client.info('commandstats')}`;
  const of = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
  const calls = [...info.matchAll(/^cmdstat_[^:]+:calls=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  const all = calls > 0 ? calls : of('total_commands_processed');
  return { commands: all, cpu: of('used_cpu_user_main_thread') + of('used_cpu_sys_main_thread'), memory: of('used_memory') };
}

export async function main(only: string | undefined): Promise<void> {
  console.log(`node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${tasks} tasks, ${rounds} rounds`);
  for (const [name, run] of Object.entries(cases)) {
    if (only !== undefined && !name.includes(only)) continue;
    try {
      await run();
    } catch (error) {
      console.log(`${name}: left out, ${(error as Error).stack}`);
    }
  }
}
