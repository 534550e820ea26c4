import type { AddressInfo } from 'node:net';

import { InvalidInputError, isLoopback, randomHex } from '@cortex-runtime/core';
import { fastify, type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';

import { checkAccess } from './access/access-rules.ts';
import { createRemoteAddress } from './access/remote-address.ts';
import { errorAnswer } from './error-reply.ts';
import { HttpError, ServerStartError } from './errors.ts';
import { parseJsonBody } from './json-body.ts';
import { approvalRoutes } from './routes/approval-routes.ts';
import { effectRoutes } from './routes/effect-routes.ts';
import { eventRoutes } from './routes/event-routes.ts';
import { healthRoutes } from './routes/health-routes.ts';
import { hookRoutes } from './routes/hook-routes.ts';
import { journalRoutes } from './routes/journal-routes.ts';
import { memoryRoutes } from './routes/memory-routes.ts';
import { meshRoutes } from './routes/mesh-routes.ts';
import { processRoutes } from './routes/process-routes.ts';
import { runtimeRoutes } from './routes/runtime-routes.ts';
import { sessionRoutes } from './routes/session-routes.ts';
import { streamRoutes } from './routes/stream-routes.ts';
import { taskRoutes } from './routes/task-routes.ts';
import { ServerOptions, type ServerDependencies } from './server-options.ts';
import { StreamHub } from './stream/stream-hub.ts';

/** The HTTP server of a host. Creating it binds nothing. */
export interface CortexServer {
  /** @throws ServerStartError when the address can not be bound */
  listen(host: string, port: number): Promise<{ host: string; port: number; url: string }>;
  /** Takes no new connection, ends streams, and waits for requests that are being answered, at most `closeGraceMs`. */
  close(): Promise<void>;
}

/**
 * Serves the orchestration API below `/api/v1`, and webhooks below `/hooks`.
 *
 * @throws InvalidInputError for options that would serve without a token
 */
export function createServer(deps: ServerDependencies, options: ServerOptions): CortexServer {
  const parsed = ServerOptions.safeParse(options);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InvalidInputError(issue?.path.join('.') ?? 'options', issue?.message ?? 'are not valid');
  }
  const settings = parsed.data;
  let boundHost: string | undefined;
  const rules = { token: settings.token, allowedHosts: settings.allowedHosts.map((name) => name.toLowerCase()), isLoopbackBind: () => boundHost === undefined || isLoopback(boundHost) };
  const remoteAddress = createRemoteAddress(settings.trustedProxies);
  const context = { deps, settings, hub: new StreamHub(randomHex(deps.random, 4), { keptUpdates: settings.keptUpdates }) };

  const sendError = (error: unknown, reply: FastifyReply) => {
    const answer = errorAnswer(error, (reply as FastifyReply & { failureCode?: string }).failureCode);
    const errorId = answer.isUnexpected ? randomHex(deps.random, 6) : undefined;
    if (errorId !== undefined) deps.logger.error({ err: error, error_id: errorId, method: reply.request.method, path: reply.request.url.split('?', 1)[0] }, 'a request failed');
    return reply.code(answer.status).headers(answer.headers).send({ error: { code: answer.code, message: answer.message, ...(errorId === undefined ? {} : { error_id: errorId }) } });
  };

  const app = fastify({
    logger: false,
    bodyLimit: settings.maxBodyBytes,
    requestTimeout: settings.requestTimeoutMs,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 1_024 },
    frameworkErrors: (error: FastifyError, _request, reply) => void sendError(error, reply as unknown as FastifyReply),
    http: { headersTimeout: settings.headersTimeoutMs, connectionsCheckingInterval: Math.min(settings.headersTimeoutMs, 1_000), maxHeaderSize: 32 * 1024 },
  });
  app.setErrorHandler((error, _request, reply) => sendError(error, reply));
  app.setNotFoundHandler((request) => {
    throw new HttpError(404, 'NOT_FOUND', `there is nothing at ${request.method} ${request.url.split('?', 1)[0] ?? ''}`);
  });
  app.addHook('onRequest', async (request: FastifyRequest) => {
    checkAccess(rules, { path: request.url.split('?', 1)[0] ?? '', headers: request.headers });
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      const encoding = request.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity') throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', `bodies are not decoded: send this one without Content-Encoding ${JSON.stringify(encoding)}`);
      done(null, parseJsonBody(body));
    } catch (error) {
      done(error as Error);
    }
  });

  healthRoutes(app, context);
  void app.register((api, _options, done) => {
    for (const group of [healthRoutes, runtimeRoutes, processRoutes, eventRoutes, effectRoutes, approvalRoutes, journalRoutes, memoryRoutes, sessionRoutes, streamRoutes, meshRoutes, taskRoutes]) group(api, context);
    done();
  }, { prefix: '/api/v1' });
  void app.register((hooks, _options, done) => {
    hookRoutes(hooks, context, remoteAddress);
    done();
  });

  return {
    async listen(host, port) {
      boundHost = host;
      try {
        await app.listen({ host, port });
      } catch (error) {
        throw new ServerStartError(bindProblem(error, host, port), { cause: error });
      }
      const bound = (app.server.address() as AddressInfo).port;
      const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
      return { host, port: bound, url: `http://${shown}:${bound}` };
    },
    async close() {
      // Keep-alive connections whose client has not noticed the end would hold the server open until they time out.
      const grace = deps.clock.setTimer(settings.closeGraceMs, () => app.server.closeAllConnections());
      try {
        await app.close();
      } finally {
        grace.cancel();
      }
    },
  };
}

function bindProblem(error: unknown, host: string, port: number): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') return `port ${port} of ${host} is taken by another program; choose one with --port (or CORTEX_PORT), 0 picks a free one`;
  if (code === 'EACCES') return `port ${port} needs privileges that this process does not have; choose one above 1023`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${host} is no address of this machine; choose one with --host (or CORTEX_HOST)`;
  return `can not listen on ${host}:${port}: ${(error as Error).message}`;
}
