import { describeError, type Logger } from '@cortex-runtime/core';
import type { Redis } from 'ioredis';

import { optionalDriver } from './optional-driver.ts';

const commandTimeoutMs = 10_000;

/** A connection to Redis that answers or fails within seconds, also while the server is away; it comes back by itself. @throws DriverMissingError without the package `ioredis` */
export async function openRedis(deps: { logger: Logger }, need: string, url: string): Promise<Redis> {
  const { Redis: Client } = await optionalDriver(need, 'ioredis', () => import('ioredis'));
  const redis = new Client(url, { connectionName: 'cortex', commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 3, connectTimeout: commandTimeoutMs });
  redis.on('error', (error) => deps.logger.warn({ problem: describeError(error) }, 'the connection to Redis is troubled'));
  return redis;
}
