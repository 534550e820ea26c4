import type { ChaosProxy, RedisServer } from '@cortex-runtime/bus/testing/servers';
import { expect } from 'vitest';

import { until } from './mesh.ts';
import { ownServer, proxyTo } from './servers.ts';

const strict = ['--appendfsync', 'always', '--repl-diskless-sync-delay', '0'];

/** A server that the strict class takes. @param of - port of the primary that it follows */
export function strictServer(of?: number): Promise<RedisServer> {
  return ownServer({ args: [...strict, ...following(of)] });
}

/** Kills a server and starts it again as a replica: it has nothing then but what its primary has. */
export function restartAsReplica(server: RedisServer, of: number): Promise<void> {
  return server.restart([...strict, ...following(of)]);
}

export async function promote(server: RedisServer): Promise<void> {
  await server.client().call('REPLICAOF', 'NO', 'ONE');
}

/** Resolves when a replica has what a server writes: that its link is up says nothing of the kind. */
export async function replicates({ client }: RedisServer): Promise<void> {
  const redis = client();
  await until(async () => {
    await redis.set('probe', 'x');
    expect(Number(await redis.call('WAIT', 1, 100))).toBe(1);
  });
}

/** A primary, and a replica that has all of it over a link which the test may cut. */
export async function replicatedServers(): Promise<{ primary: RedisServer; replica: RedisServer; link: ChaosProxy }> {
  const primary = await strictServer();
  const link = await proxyTo(primary);
  const replica = await strictServer(link.port);
  await replicates(primary);
  return { primary, replica, link };
}

const following = (port: number | undefined) => (port === undefined ? [] : ['--replicaof', '127.0.0.1', String(port)]);
