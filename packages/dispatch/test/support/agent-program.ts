import { Keyspace } from '@cortex-runtime/bus';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';

import { AgentPresence, BusChannel, TaskConsumer } from '../../src/index.ts';
import { RedisAgentRegistry, RedisThreadAffinity } from '../../src/redis/index.ts';

export interface AgentProgramOptions {
  url: string;
  orgId: string;
  identity: string;
  /** Text at which the agent stops in the middle of its answer, for ever. */
  hangsAt?: string;
}

/** What a test runs in a process of its own: an agent that repeats what it is told, and a conductor elsewhere that has its channel. */
export async function answerTasks({ url, orgId, identity, hangsAt }: AgentProgramOptions): Promise<void> {
  const keyspace = new Keyspace(orgId);
  const bus = new RedisStreamBus({ clock, random, identity }, { url, streamPrefix: keyspace.streamPrefix, leaseMs: 1_000, sweepMs: 200 });
  const redis = new Redis(url);
  const presence = new AgentPresence({ registry: new RedisAgentRegistry({ redis, clock, keyspace }), clock, instanceId: `${identity}-${process.pid}` }, { ttlMs: 2_000 });
  const threadAffinity = new RedisThreadAffinity({ redis, clock, keyspace });
  const consumer = new TaskConsumer({ bus, clock, random, channel: new BusChannel({ bus, clock }, 'http'), presence, threadAffinity }, { identity, domains: ['eng'], concurrency: 20 });
  await consumer.start(async function* (prompt, { context }) {
    yield { kind: 'output', data: `${identity} (attempt ${context.attempt}) ` };
    if (prompt === hangsAt) {
      process.stdout.write('hanging\n');
      await new Promise(() => {});
    }
    yield { kind: 'output', data: `says: ${prompt}` };
  });
  process.stdout.write('ready\n');
}
