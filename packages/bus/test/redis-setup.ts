import type { TestProject } from 'vitest/node';

import { findRedisServer, redisServer } from '../src/testing/servers/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Empty where there is no Redis; tests that need it are skipped then. */
    redisUrl: string;
  }
}

/** One server for all tests that do not break it. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['TEST_REDIS_URL'];
  if (given !== undefined && given !== '') {
    project.provide('redisUrl', given);
    return undefined;
  }
  if (findRedisServer() === undefined) {
    console.warn('no redis-server on the PATH and no TEST_REDIS_URL: tests that need Redis are skipped');
    project.provide('redisUrl', '');
    return undefined;
  }
  const server = await redisServer();
  project.provide('redisUrl', server.url);
  return () => server.stop();
}
