export { cutAppendOnlyFile, markAppendOnlyFile, type AppendMark } from './append-only-file.ts';
export { chaosProxy, type ChaosProxy, type ProxyFault } from './chaos-proxy.ts';
export { findRedisServer, freePort, redisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts';
