import type { Keyspace } from '@cortex-runtime/bus';
import { fixedClock } from '@cortex-runtime/core/testing';
import { describe } from 'vitest';

import { InMemoryAgentRegistry, InMemoryResponseTracker, InMemoryThreadAffinity } from '../src/index.ts';
import { RedisAgentRegistry, RedisResponseTracker, RedisThreadAffinity } from '../src/redis/index.ts';
import { describeAgentRegistryContract, describeResponseTrackerContract, describeThreadAffinityContract } from '../src/testing/index.ts';
import { clock, rawClient, redisUrl } from './support/mesh.ts';
import { agePresence, ageKeys } from './support/redis-time.ts';
import { freshKeyspace } from './support/fresh-keyspace.ts';

const still = () => {
  const clock = fixedClock();
  return { clock, advance: (ms: number) => clock.advance(ms) };
};

describeAgentRegistryContract('InMemoryAgentRegistry', async () => {
  const { clock, advance } = still();
  return { registry: new InMemoryAgentRegistry({ clock }), advance };
});
describeThreadAffinityContract('InMemoryThreadAffinity', async (options) => {
  const { clock, advance } = still();
  return { affinity: new InMemoryThreadAffinity({ clock }, options), advance };
});
describeResponseTrackerContract('InMemoryResponseTracker', async (options) => {
  const { clock, advance } = still();
  return { tracker: new InMemoryResponseTracker({ clock }, options), advance };
});

describe.skipIf(redisUrl === '')('on a real Redis', () => {
  const open = (keyspace: Keyspace) => ({ redis: rawClient(), clock, keyspace });

  describeAgentRegistryContract('RedisAgentRegistry', async () => {
    const deps = open(freshKeyspace());
    return { registry: new RedisAgentRegistry(deps), advance: (ms) => agePresence(deps.redis, deps.keyspace.agentsKey, ms) };
  });
  describeThreadAffinityContract('RedisThreadAffinity', async (options) => {
    const deps = open(freshKeyspace());
    return { affinity: new RedisThreadAffinity(deps, options), advance: (ms) => ageKeys(deps.redis, deps.keyspace.streamPrefix, ms) };
  });
  describeResponseTrackerContract('RedisResponseTracker', async (options) => {
    const deps = open(freshKeyspace());
    return { tracker: new RedisResponseTracker(deps, options), advance: (ms) => ageKeys(deps.redis, deps.keyspace.streamPrefix, ms) };
  });
});
