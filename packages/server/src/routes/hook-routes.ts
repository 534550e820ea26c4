import type { IncomingMessage } from 'node:http';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebhookRequest } from '@cortex-runtime/triggers';

import type { RemoteAddress } from '../access/remote-address.ts';
import { HttpError } from '../errors.ts';
import type { ServedRuntime } from '../served-runtime.ts';
import type { RouteContext } from './route-context.ts';

/** Serves `/hooks/{process}{webhook_path}`: raw bytes in, the trigger's own answer out. */
export function hookRoutes(app: FastifyInstance, { deps }: RouteContext, remoteAddress: RemoteAddress): void {
  // Answered before any parsing: signatures are over the bytes as they came, whatever their content type, and they are read only once a route has named its limit.
  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    const { processName, path } = splitHookPath(request.url);
    const route = deps.webhookRoutes.find(processName, path);
    if (deps.phase() === 'draining' || (route === undefined && deps.phase() === 'starting')) {
      throw new HttpError(503, 'NOT_READY', 'the host is starting or stopping; deliver again later', { headers: { 'retry-after': '2' } });
    }
    if (route === undefined && (await isConfigured(deps.runtime, processName, path))) {
      throw new HttpError(503, 'PROCESS_NOT_RUNNING', 'the agent does not run now; deliver again later', { headers: { 'retry-after': '30' } });
    }
    if (route === undefined) throw new HttpError(404, 'WEBHOOK_NOT_FOUND', 'no agent has a webhook here');
    if (request.method !== 'POST') throw new HttpError(405, 'METHOD_NOT_ALLOWED', 'webhooks are delivered with POST', { headers: { allow: 'POST' } });
    const answer = await route.handle({
      method: request.method,
      path: request.url.split('?', 1)[0] ?? '',
      query: queryOf(request),
      headers: headersOf(request.raw),
      body: await readBody(request, route.maxBodyBytes),
      remote: remoteAddress(request.socket.remoteAddress, headersOf(request.raw)['x-forwarded-for']),
    });
    return reply.code(answer.status).headers(answer.headers ?? {}).send(answer.body);
  };
  app.all('/hooks/*', { onRequest: serve }, () => undefined);
}

/** Whether an agent that does not run now would have this webhook: its senders should come back instead of giving up. */
async function isConfigured(runtime: ServedRuntime, processName: string, path: string): Promise<boolean> {
  if (!runtime.listProcesses().some(({ name }) => name === processName)) return false;
  return ((await runtime.triggersOf?.(processName)) ?? []).some(({ type, config }) => type === 'webhook' && (config as { webhook_path?: unknown }).webhook_path === path);
}

function splitHookPath(url: string): { processName: string; path: string } {
  const pathname = url.split('?', 1)[0] ?? '';
  const [, name = '', path = ''] = /^\/hooks\/([^/]*)(\/.*)?$/.exec(pathname) ?? [];
  try {
    return { processName: decodeURIComponent(name), path: path === '' ? '/' : path };
  } catch {
    return { processName: '', path };
  }
}

/** The whole body, or a refusal as soon as it is known to be too large: by its announced length before a byte is read, else while counting. */
async function readBody(request: FastifyRequest, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new HttpError(413, 'BODY_TOO_LARGE', `the body is larger than the ${maxBytes} bytes that this webhook takes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const stream = request.raw;
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      stream.removeAllListeners('data');
      act();
    };
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      // Node reads the rest away after the answer, without keeping it, for as long as the request timeout allows.
      if (length > maxBytes) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    });
    stream.once('end', () => settle(() => resolve(Buffer.concat(chunks))));
    stream.once('error', (error) => settle(() => reject(error)));
    stream.once('close', () => settle(() => reject(new HttpError(400, 'INVALID_REQUEST', 'the connection was closed before the whole body had come'))));
  });
}

function queryOf(request: FastifyRequest): WebhookRequest['query'] {
  const text = request.url.split('?').slice(1).join('?');
  const query: Record<string, string> = {};
  for (const [key, value] of new URLSearchParams(text)) Object.defineProperty(query, key, { value, enumerable: true, configurable: true, writable: true });
  return query;
}

function headersOf(raw: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(raw.headersDistinct)) if (values !== undefined) headers[name] = values.join(', ');
  return headers;
}
