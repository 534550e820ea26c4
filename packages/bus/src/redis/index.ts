export { RedisStreamBus, type RedisBusDependencies } from './redis-stream-bus.ts';
