export { RedisStreamBus, type RedisBusDependencies } from './redis-stream-bus.ts';
export { RedisEventBus } from './redis-event-bus.ts';
