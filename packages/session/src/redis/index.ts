export { RedisSessionStore, RedisSessionStoreOptions, type RedisClient } from './redis-session-store.ts';
