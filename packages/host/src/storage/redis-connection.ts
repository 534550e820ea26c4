import { describeError, type Logger } from '@cortex-runtime/core';
import type { Redis } from 'ioredis';

import { optionalDriver } from './optional-driver.ts';

const commandTimeoutMs = 10_000;

/** A connection to Redis, made with its first command, that answers or fails within seconds, also while the server is away; it comes back by itself. @throws DriverMissingError without the package `ioredis` */
export async function openRedis(deps: { logger: Logger }, need: string, address: string | { host: string; port: number; username?: string; password?: string; tls?: object }): Promise<Redis> {
  const { Redis: Client } = await optionalDriver(need, 'ioredis', () => import('ioredis'));
  const options = { connectionName: 'cortex', commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 3, connectTimeout: commandTimeoutMs, lazyConnect: true };
  const redis = typeof address === 'string' ? new Client(address, options) : new Client({ ...address, ...options });
  redis.on('error', (error) => deps.logger.warn({ problem: describeError(error) }, 'the connection to Redis is troubled'));
  return redis;
}
