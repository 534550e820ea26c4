export type { RedisClient } from './redis-client.ts';
export { RedisAgentRegistry, RedisAgentRegistryOptions, type RedisAgentRegistryDependencies } from './redis-agent-registry.ts';
export { RedisResponseTracker, RedisResponseTrackerOptions } from './redis-response-tracker.ts';
export { RedisThreadAffinity, RedisThreadAffinityOptions } from './redis-thread-affinity.ts';
