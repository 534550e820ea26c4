import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';
import { inject, onTestFinished, vi } from 'vitest';

import type { BusConfig } from '../src/config/index.ts';
import type { BusNotice } from '../src/index.ts';
import { RedisStreamBus } from '../src/redis/index.ts';
import { chaosProxy, redisServer, type ChaosProxy, type RedisServer, type RedisServerOptions } from '../src/testing/servers/index.ts';

export const redisUrl = inject('redisUrl');

let made = 0;
/** Keys of one test. */
export function freshPrefix(): string {
  made += 1;
  return `test:${process.pid}-${Date.now().toString(36)}-${made}`;
}

/** A bus that is closed at the end of the test, and what it has noticed. */
export function openBus(config: BusConfig, identity = 'test'): RedisStreamBus & { notices: BusNotice[] } {
  const notices: BusNotice[] = [];
  const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom, identity, onNotice: (notice) => notices.push(notice) }, config);
  onTestFinished(() => bus.close());
  return Object.assign(bus, { notices });
}

/** A client that knows nothing of ours. */
export function rawClient(url: string = redisUrl): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

export async function ownServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await redisServer(options);
  onTestFinished(() => server.stop());
  return server;
}

export async function proxyTo(server: { port: number }): Promise<ChaosProxy> {
  const proxy = await chaosProxy(server.port);
  onTestFinished(() => proxy.close());
  return proxy;
}

export { take, takeTexts } from '../src/testing/contract-bus.ts';

export function until<T>(check: () => T | Promise<T>, timeoutMs = 15_000): Promise<T> {
  return vi.waitFor(check, { timeout: timeoutMs, interval: 10 });
}
