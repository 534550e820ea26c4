import { onTestFinished } from 'vitest';

import { silentLogger, type Clock } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { createWebhookRoutes, type WebhookRoutes } from '@cortex-runtime/triggers';

import { createServer, type ServedMemory, type ServedMesh, type ServedPlugins, type ServedSessions, type ServerOptions } from '../src/index.ts';
import { ListedRuntime } from './listed-runtime.ts';

export const token = 'a-token-that-is-long-enough';

/** A server on a free loopback port, closed with the test. */
export async function serve(given: { runtime?: ListedRuntime; memory?: ServedMemory; sessions?: ServedSessions; plugins?: ServedPlugins; mesh?: ServedMesh; webhookRoutes?: WebhookRoutes; clock?: Clock; phase?: () => 'starting' | 'ready' | 'draining'; options?: Partial<ServerOptions> } = {}) {
  const runtime = given.runtime ?? new ListedRuntime('watcher', 'clerk');
  const webhookRoutes = given.webhookRoutes ?? createWebhookRoutes();
  let shutdowns = 0;
  const server = createServer(
    {
      runtime,
      ...(given.memory === undefined ? {} : { memory: given.memory }),
      ...(given.sessions === undefined ? {} : { sessions: given.sessions }),
      ...(given.plugins === undefined ? {} : { plugins: given.plugins }),
      ...(given.mesh === undefined ? {} : { mesh: given.mesh }),
      webhookRoutes,
      clock: given.clock ?? systemClock,
      random: systemRandom,
      logger: silentLogger,
      phase: given.phase ?? (() => 'ready'),
      requestShutdown: () => (shutdowns += 1),
      readLogs: ({ limit }) => Promise.resolve({ lines: [{ msg: `of at most ${limit}` }], cursor: '1:1' }),
    },
    { token, closeGraceMs: 200, ...given.options },
  );
  onTestFinished(() => server.close());
  const { url, port } = await server.listen('127.0.0.1', 0);
  const call = async (method: string, path: string, init: { body?: unknown; headers?: Record<string, string>; raw?: string | Uint8Array } = {}) => {
    const body = init.raw ?? (init.body === undefined ? undefined : JSON.stringify(init.body));
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
      ...(body === undefined ? {} : { body: body as never }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as Record<string, never> & { error: { code: string; message: string } } };
  };
  return { runtime, webhookRoutes, server, url, port, call, shutdowns: () => shutdowns };
}
