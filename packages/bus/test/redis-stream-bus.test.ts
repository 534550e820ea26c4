import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe } from 'vitest';

import { RedisStreamBus } from '../src/redis/index.ts';
import { describeMessageBusContract } from '../src/testing/index.ts';
import { freshPrefix, redisUrl } from './open-redis-bus.ts';

describe.skipIf(redisUrl === '')('on a Redis server', () => {
  const prefix = freshPrefix();
  describeMessageBusContract(
    'RedisStreamBus',
    async (space, config, onNotice) =>
      new RedisStreamBus({ clock: systemClock, random: systemRandom, ...(onNotice === undefined ? {} : { onNotice }) }, { url: redisUrl, streamPrefix: `${prefix}:${space}`, ...config }),
  );
});
