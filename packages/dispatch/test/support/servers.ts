import { chaosProxy, redisServer, type ChaosProxy, type RedisServer, type RedisServerOptions } from '@cortex-runtime/bus/testing/servers';
import { onTestFinished } from 'vitest';

/** A server that the test may break. */
export async function ownServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await redisServer(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A way to a server, which the test may break. */
export async function proxyTo(server: { port: number }): Promise<ChaosProxy & { url: string }> {
  const proxy = await chaosProxy(server.port);
  onTestFinished(() => proxy.close());
  return Object.assign(proxy, { url: `redis://127.0.0.1:${proxy.port}` });
}
