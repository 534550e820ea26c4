import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { describe, expect, it, onTestFinished } from 'vitest';

import { freshPrefix, openBus, redisUrl, take, takeTexts } from './open-redis-bus.ts';

const timing = { leaseMs: 1_000, sweepMs: 200 };

async function holdingProcess(streamPrefix: string, count: number): Promise<{ child: ChildProcess; lines: Interface }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./holding-process.mjs', import.meta.url)), redisUrl, streamPrefix, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  expect(await nextLine(lines)).toBe('holding');
  return { child, lines };
}

function nextLine(lines: Interface): Promise<string> {
  return new Promise((resolve) => {
    lines.once('line', resolve);
  });
}

describe.skipIf(redisUrl === '')('processes that die or sleep', { timeout: 60_000 }, () => {
  // Weakness 3 (E14), D1: what a killed process held goes to others when its lease has run out.
  it('the work of a process that was killed is delivered to another, counted', async () => {
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: redisUrl, streamPrefix, ...timing });
    for (let index = 0; index < 150; index += 1) await bus.publish('s', String(index));
    const { child } = await holdingProcess(streamPrefix, 150);
    child.kill('SIGKILL');
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 200 });
    const first = await take(subscription);
    expect(first).toMatchObject({ deliveryCount: 2, resumed: true });
    await first.ack();
    expect(await takeTexts(subscription, 149)).toHaveLength(149);
    expect((await bus.inspect('s')).groups[0]).toMatchObject({ pending: 0, waiting: 0 });
  });

  // D2, F6: SIGSTOP past the lease, another takes over, SIGCONT.
  it('a process that slept past its lease can not acknowledge what another has', async () => {
    const streamPrefix = freshPrefix();
    const bus = openBus({ url: redisUrl, streamPrefix, ...timing });
    for (let index = 0; index < 3; index += 1) await bus.publish('s', String(index));
    const { child, lines } = await holdingProcess(streamPrefix, 3);
    child.kill('SIGSTOP');
    const subscription = bus.subscribe('s', { group: 'g', maxInFlight: 3 });
    const held = [await take(subscription), await take(subscription), await take(subscription)];
    const said = nextLine(lines);
    child.kill('SIGCONT');
    child.kill('SIGUSR2');
    expect(await said).toBe('BUS_LEASE_LOST,BUS_LEASE_LOST,BUS_LEASE_LOST');
    await Promise.all(held.map((delivery) => delivery.ack()));
  });
});
