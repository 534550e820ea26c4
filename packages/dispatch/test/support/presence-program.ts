import { Keyspace } from '@cortex-runtime/bus';
import { systemClock } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';

import { AgentPresence } from '../../src/index.ts';
import { RedisAgentRegistry } from '../../src/redis/index.ts';

/** What a test runs in a process of its own: shows that an agent is there, says so, and goes on. */
export async function showPresence(options: { url: string; orgId: string; instanceId: string; ttlMs: number }): Promise<void> {
  const registry = new RedisAgentRegistry({ redis: new Redis(options.url), clock: systemClock, keyspace: new Keyspace(options.orgId) });
  const presence = new AgentPresence({ registry, clock: systemClock, instanceId: options.instanceId }, { ttlMs: options.ttlMs });
  await presence.join({ name: 'forge' });
  process.stdout.write('present\n');
}
