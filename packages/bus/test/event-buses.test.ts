import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe } from 'vitest';

import { MemoryEventBus } from '../src/index.ts';
import { RedisEventBus } from '../src/redis/index.ts';
import { describeEventBusContract } from '../src/testing/index.ts';
import { freshPrefix, redisUrl } from './open-redis-bus.ts';

const deps = { clock: systemClock, random: systemRandom };

describeEventBusContract('MemoryEventBus', async (onNotice) => new MemoryEventBus({ ...deps, ...(onNotice === undefined ? {} : { onNotice }) }));

describe.skipIf(redisUrl === '')('on a Redis server', () => {
  describeEventBusContract('RedisEventBus', async (onNotice) => new RedisEventBus({ ...deps, ...(onNotice === undefined ? {} : { onNotice }) }, { url: redisUrl, streamPrefix: freshPrefix() }));
});
