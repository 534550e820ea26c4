export { chaosProxy, type ChaosProxy, type ProxyFault } from './chaos-proxy.ts';
export { findRedisServer, redisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts';
