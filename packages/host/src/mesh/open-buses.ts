import { MemoryBus, MemoryEventBus, type BusNotice, type EventBus, type EventNotice, type Keyspace, type MessageBus } from '@cortex-runtime/bus';
import { busConfigFromEnvironment, type BusConfig } from '@cortex-runtime/bus/config';
import type { Clock, Logger, Random } from '@cortex-runtime/core';
import { InMemoryAgentRegistry, InMemoryResponseTracker, InMemoryThreadAffinity, type AgentRegistry, type ResponseTracker, type ThreadAffinity } from '@cortex-runtime/dispatch';

import type { HostConfig } from '../host-config.ts';
import { optionalDriver } from '../storage/optional-driver.ts';
import { openRedis } from '../storage/redis-connection.ts';

export interface BusesDeps {
  clock: Clock;
  random: Random;
  logger: Logger;
  environment: Readonly<Record<string, string | undefined>>;
  keyspace: Keyspace;
  onNotice: (notice: BusNotice | EventNotice) => void;
}

/** What hosts share, or one host has for itself. */
export interface Buses {
  bus: MessageBus;
  events: EventBus;
  registry: AgentRegistry;
  affinity: ThreadAffinity;
  tracker: ResponseTracker;
  /** Whether other hosts on the same Redis take part. */
  isShared: boolean;
  close(): Promise<void>;
}

/**
 * On Redis when the environment names one, else within this process.
 *
 * @throws HostConfigError, InvalidInputError for variables that make no sense; DriverMissingError. A server that is away is no error: work begins when it comes.
 */
export async function openBuses(deps: BusesDeps, config: HostConfig): Promise<Buses> {
  const given = busConfigFromEnvironment({ ...deps.environment, ...(config.redisUrl === undefined ? {} : { CORTEX_REDIS_URL: config.redisUrl }) });
  const settings: BusConfig = { ...given, streamPrefix: deps.keyspace.streamPrefix };
  return given.url === undefined && given.host === undefined ? withinProcess(deps, settings) : onRedis(deps, settings);
}

function withinProcess({ clock, random, logger, onNotice }: BusesDeps, settings: BusConfig): Buses {
  const bus = new MemoryBus({ clock, logger, onNotice }, settings);
  const events = new MemoryEventBus({ clock, random, logger, onNotice });
  return {
    bus,
    events,
    registry: new InMemoryAgentRegistry({ clock }),
    affinity: new InMemoryThreadAffinity({ clock }),
    tracker: new InMemoryResponseTracker({ clock }),
    isShared: false,
    close: async () => {
      await Promise.all([bus.close(), events.close()]);
    },
  };
}

async function onRedis({ clock, random, logger, keyspace, onNotice }: BusesDeps, settings: BusConfig): Promise<Buses> {
  const need = settings.url === undefined ? 'REDIS_HOST' : 'CORTEX_REDIS_URL';
  const { RedisStreamBus, RedisEventBus } = await optionalDriver(need, 'ioredis', () => import('@cortex-runtime/bus/redis'));
  const { RedisAgentRegistry, RedisResponseTracker, RedisThreadAffinity } = await import('@cortex-runtime/dispatch/redis');
  const bus = new RedisStreamBus({ clock, random, logger, onNotice }, settings);
  const events = new RedisEventBus({ clock, random, logger, onNotice }, settings);
  const { url, host, port, username, password, tls } = bus.settings;
  const redis = await openRedis({ logger }, need, url ?? { host, port, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }), ...(tls === false ? {} : { tls: {} }) });
  return {
    bus,
    events,
    registry: new RedisAgentRegistry({ redis, clock, keyspace, logger }),
    affinity: new RedisThreadAffinity({ redis, clock, keyspace }),
    tracker: new RedisResponseTracker({ redis, clock, keyspace }),
    isShared: true,
    close: async () => {
      await Promise.all([bus.close(), events.close()]);
      redis.disconnect();
    },
  };
}
