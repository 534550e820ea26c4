import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

import { describeError, resolveReferences, type Clock, type Environment, type JsonObject, type Logger, type Net } from '@cortex-runtime/core';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { CallToolResult, JSONRPCMessage, Tool as McpTool } from '@modelcontextprotocol/sdk/types.js';

import { ToolSourceError } from '../errors.ts';
import { childEnvironment } from './child-environment.ts';
import { isStdio, type McpHttpConfig, type McpServerConfig, type McpStdioConfig } from './mcp-server-config.ts';
import { secretScrubber } from './scrub-secrets.ts';
import { sendFailure, type SendFailure } from './send-failure.ts';
import { logStderr } from './stderr-log.ts';
import { watchedFetch } from './watched-fetch.ts';

export interface McpConnectionDeps {
  clock: Clock;
  logger: Logger;
  net: Net;
  environment: Environment;
}

export interface McpConnectionOptions {
  baseDirectory: string;
  clientVersion: string;
  connectTimeoutMs: number;
  /** Ends an attempt to connect. */
  signal: AbortSignal;
}

/** How a call ended. */
export type McpCallOutcome =
  | { kind: 'answered'; result: CallToolResult }
  /** The server answered with a protocol error: it did not do it. */
  | { kind: 'refused'; message: string }
  | { kind: 'failed'; failure: SendFailure; error: unknown }
  | { kind: 'closed' | 'timeout' | 'aborted' };

/** One connection, from its start to its end; it is never revived. */
export interface McpConnection {
  readonly isClosed: boolean;
  listTools(): Promise<McpTool[]>;
  callTool(name: string, args: JsonObject, options: { idempotencyKey: string; timeoutMs: number; signal: AbortSignal }): Promise<McpCallOutcome>;
  close(): Promise<void>;
}

/** The SDK's own timers are set beyond any call: ours decide. */
const noSdkTimeout = 2 ** 31 - 1;
const maxToolPages = 1_000;
/** The SDK may still be reading the last piece when the body has ended. */
const bodyEndGraceMs = 500;

/** @throws ToolSourceError when no connection can be made */
export async function connectMcp(deps: McpConnectionDeps, name: string, config: McpServerConfig, options: McpConnectionOptions, onToolsChanged: () => void): Promise<McpConnection> {
  const scrub = secretScrubber(isStdio(config) ? [config.command, ...(config.args ?? []), ...Object.values(config.env ?? {})] : [config.url, ...Object.values(config.headers ?? {}), config.bearerToken ?? '', config.apiKey ?? ''], deps.environment);
  const bodyEnds = new Map<number | string, () => void>();
  const { transport, lastWords } = isStdio(config)
    ? await stdioTransport(deps, name, config, options, scrub)
    : { transport: await httpTransport(deps, name, config, (requestId) => bodyEnds.get(requestId)?.()), lastWords: () => '' };
  const kind = isStdio(config) ? 'stdio' : 'http';

  const [{ Client }, { CallToolResultSchema, ToolListChangedNotificationSchema }] = await Promise.all([import('@modelcontextprotocol/sdk/client/index.js'), import('@modelcontextprotocol/sdk/types.js')]);
  const client = new Client({ name: 'cortex', version: options.clientVersion });
  const sent = watchSends(transport);
  let isClosed = false;
  const closing: (() => void)[] = [];
  client.onclose = () => {
    isClosed = true;
    for (const each of closing) each();
  };
  client.onerror = (error) => deps.logger.debug({ error: scrub(describeError(error)) }, 'tool server connection');
  client.setNotificationHandler(ToolListChangedNotificationSchema, onToolsChanged);
  await connect(client);
  deps.logger.info({ transport: kind, version: client.getServerVersion()?.version }, 'tool server connected');

  async function connect(to: Client): Promise<void> {
    const deadline = new AbortController();
    const timer = deps.clock.setTimer(options.connectTimeoutMs, () => deadline.abort(new Error(`it did not answer within ${options.connectTimeoutMs} ms`)));
    const onClose = () => deadline.abort(new Error('it was closed before it answered'));
    options.signal.addEventListener('abort', onClose, { once: true });
    if (options.signal.aborted) onClose();
    try {
      await to.connect(transport, { signal: deadline.signal, timeout: noSdkTimeout });
    } catch (error) {
      await transport.close().catch(() => undefined);
      const words = lastWords();
      const reason = deadline.signal.aborted ? describeError(deadline.signal.reason) : connectFailure(error, config);
      throw new ToolSourceError(name, scrub(`${reason}${words === '' ? '' : `; it said: ${words}`}`));
    } finally {
      timer.cancel();
      options.signal.removeEventListener('abort', onClose);
    }
  }

  return {
    get isClosed() {
      return isClosed;
    },
    async listTools() {
      const tools: McpTool[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < maxToolPages; page += 1) {
        const deadline = new AbortController();
        const timer = deps.clock.setTimer(options.connectTimeoutMs, () => deadline.abort(new Error('the list of tools did not come in time')));
        try {
          const answer = await client.listTools(cursor === undefined ? {} : { cursor }, { signal: deadline.signal, timeout: noSdkTimeout });
          tools.push(...answer.tools);
          cursor = answer.nextCursor;
        } catch (error) {
          throw new ToolSourceError(name, scrub(`could not list its tools: ${describeError(error)}`));
        } finally {
          timer.cancel();
        }
        if (cursor === undefined) return tools;
      }
      throw new ToolSourceError(name, `lists more than ${maxToolPages} pages of tools`, { retryable: false });
    },
    async callTool(tool, args, { idempotencyKey, timeoutMs, signal }) {
      const params = { name: tool, arguments: { ...args }, _meta: { 'cortex/idempotency-key': idempotencyKey } };
      const own = new AbortController();
      let ended: 'timeout' | 'aborted' | 'closed' | undefined;
      let settleEnded: (outcome: McpCallOutcome) => void = () => undefined;
      const byUs = new Promise<McpCallOutcome>((settle) => {
        settleEnded = settle;
      });
      const end = (why: 'timeout' | 'aborted' | 'closed') => {
        ended ??= why;
        settleEnded({ kind: why });
        own.abort(new Error(why));
      };
      const onAbort = () => end('aborted');
      const onClose = () => end('closed');
      const timer = deps.clock.setTimer(timeoutMs, () => end('timeout'));
      signal.addEventListener('abort', onAbort, { once: true });
      closing.push(onClose);
      const record = sent.expect(params);
      const answer = client.request({ method: 'tools/call', params }, CallToolResultSchema, { signal: own.signal, timeout: noSdkTimeout }).then(
        (result): McpCallOutcome => ({ kind: 'answered', result: result as CallToolResult }),
        (error: unknown): McpCallOutcome => {
          if (ended !== undefined) return { kind: ended };
          if (record.failure !== undefined) return { kind: 'failed', failure: sendFailure(record.failure.error, kind), error: record.failure.error };
          if (isClosed) return { kind: 'closed' };
          return { kind: 'refused', message: scrub(describeError(error)) };
        },
      );
      if (record.id !== undefined) bodyEnds.set(record.id, () => void deps.clock.setTimer(bodyEndGraceMs, onClose, { keepAlive: false }));
      try {
        return await Promise.race([answer, byUs]);
      } finally {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        closing.splice(closing.indexOf(onClose), 1);
        if (record.id !== undefined) bodyEnds.delete(record.id);
      }
    },
    async close() {
      await client.close();
      isClosed = true;
    },
  };
}

interface SendRecord {
  id: number | string | undefined;
  failure: { error: unknown } | undefined;
}

/** Tells of each call whether its message could be handed to the transport. Calls are recognised by their parameters, which the SDK passes on as they are. */
function watchSends(transport: Transport): { expect(params: object): SendRecord } {
  const records = new WeakMap<object, SendRecord>();
  const send = transport.send.bind(transport);
  transport.send = async (message: JSONRPCMessage, sendOptions) => {
    const params = 'params' in message ? message.params : undefined;
    const record = params === undefined ? undefined : records.get(params);
    if (record !== undefined && 'id' in message) record.id = message.id;
    try {
      await send(message, sendOptions);
    } catch (error) {
      if (record !== undefined) record.failure = { error };
      throw error;
    }
  };
  return {
    expect(params) {
      const record: SendRecord = { id: undefined, failure: undefined };
      records.set(params, record);
      return record;
    },
  };
}

async function stdioTransport(deps: McpConnectionDeps, name: string, config: McpStdioConfig, options: McpConnectionOptions, scrub: (text: string) => string): Promise<{ transport: Transport; lastWords: () => string }> {
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const text = (value: string, path: string) => resolveReferences(value, deps.environment, `servers.${name}.${path}`);
  const transport = new StdioClientTransport({
    command: text(config.command, 'command'),
    args: (config.args ?? []).map((arg, index) => text(arg, `args[${index}]`)),
    env: childEnvironment(deps.environment, config.env ?? {}, `servers.${name}.env`),
    cwd: resolve(options.baseDirectory, config.cwd === undefined ? '.' : text(config.cwd, 'cwd')),
    stderr: 'pipe',
  });
  const { stderr } = transport;
  const lastWords = stderr === null ? () => '' : logStderr(deps, stderr as Readable, scrub);
  return { transport, lastWords };
}

async function httpTransport(deps: McpConnectionDeps, name: string, config: McpHttpConfig, onEnd: (requestId: number | string) => void): Promise<Transport> {
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const text = (value: string, path: string) => resolveReferences(value, deps.environment, `servers.${name}.${path}`);
  const headers: Record<string, string> = {};
  for (const [header, value] of Object.entries(config.headers ?? {})) headers[header] = text(value, `headers.${header}`);
  if (config.apiKey !== undefined) headers['X-API-Key'] = text(config.apiKey, 'api_key');
  if (config.bearerToken !== undefined) headers['Authorization'] = `Bearer ${text(config.bearerToken, 'bearer_token')}`;
  const url = text(config.url, 'url');
  if (!URL.canParse(url)) throw new ToolSourceError(name, 'its url is no valid URL', { retryable: false });
  // The SDK's transport leaves sessionId undefined where exactOptionalPropertyTypes wants it absent.
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch: watchedFetch(deps.net, onEnd) }) as Transport;
}

function connectFailure(error: unknown, config: McpServerConfig): string {
  const { code } = error as NodeJS.ErrnoException;
  if (isStdio(config)) {
    if (code === 'ENOENT') return `could not start ${config.command}: no such program, or its cwd does not exist`;
    return `could not start ${config.command}: ${describeError(error)}`;
  }
  const status = (error as { code?: unknown }).code;
  if (status === 401 || status === 403) return `answered ${status}: check bearer_token, api_key or headers`;
  return `could not be reached: ${describeError(error).slice(0, 300)}`;
}
