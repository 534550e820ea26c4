import { backoffMs, sleep, type JsonObject } from '@cortex-runtime/core';
import type { Tool as McpTool } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

import { ToolAbortedError, ToolOutcomeUnknownError, ToolSourceError, ToolTimeoutError } from '../errors.ts';
import { serverToolName } from '../tool-name.ts';
import type { OnUnknown, Tool, ToolCallContext, ToolResult, ToolSource } from '../tool.ts';
import { connectMcp, type McpCallOutcome, type McpConnection, type McpConnectionDeps } from './mcp-connection.ts';
import { mcpResult } from './mcp-result.ts';
import { isStdio, type McpServerConfig } from './mcp-server-config.ts';

/** How a server is used. Durations are milliseconds. */
export const McpServerOptions = z.strictObject({
  /** Relative `cwd`s start here: the folder of the manifest. */
  baseDirectory: z.string().min(1),
  /** A call is given up after this time, unless the server's configuration says otherwise. */
  timeoutMs: z.number().positive().default(60_000),
  /** For starting the server and for listing its tools. */
  connectTimeoutMs: z.number().positive().default(60_000),
  /** Wait before the second attempt to connect; it doubles. */
  reconnectBaseMs: z.number().positive().default(500),
  reconnectMaxMs: z.number().positive().default(30_000),
  /** Told to the server. */
  clientVersion: z.string().default('0.1.0'),
});
export type McpServerOptions = z.input<typeof McpServerOptions>;

/** With `keep_alive: false` a connection ends when it was not used for this long. */
const idleMs = 5_000;

/**
 * The tools of an MCP server. States: *unconnected* → (first use) → *connected* → (exit, lost session, idleness) → *unconnected*; `close()` ends it from any state.
 *
 * Nothing is started before the first `tools()` or call. A lost connection is made again on the next use, after a wait that doubles while
 * attempts or connections keep failing.
 */
export function mcpServer(deps: McpConnectionDeps, name: string, config: McpServerConfig, options: McpServerOptions): ToolSource {
  const settings = McpServerOptions.parse(options);
  const logger = deps.logger.child({ server: name });
  const callTimeoutMs = config.timeoutMs ?? settings.timeoutMs;
  const closed = new AbortController();
  let connecting: Promise<McpConnection> | undefined;
  let connection: McpConnection | undefined;
  let listed: Promise<readonly Tool[]> | undefined;
  let failures = 0;
  let notBefore = 0;
  let inUse = 0;

  for (const key of ['auth', 'audience', 'forwardCallerToken'] as const) {
    if (!isStdio(config) && config[key] !== undefined && config[key] !== false) logger.warn({ key }, 'this setting of the server is not used yet; use bearer_token, api_key or headers');
  }

  async function connected(signal?: AbortSignal): Promise<McpConnection> {
    if (closed.signal.aborted) throw new ToolSourceError(name, 'is closed', { retryable: false });
    if (connection !== undefined && !connection.isClosed) return connection;
    if (connection !== undefined) lost();
    connecting ??= connect().finally(() => {
      connecting = undefined;
    });
    return untilAborted(connecting, signal);
  }

  async function connect(): Promise<McpConnection> {
    const waitMs = notBefore - deps.clock.monotonic();
    if (waitMs > 0) {
      await sleep(deps.clock, waitMs, closed.signal).catch(() => {
        throw new ToolSourceError(name, 'is closed', { retryable: false });
      });
    }
    try {
      const made = await connectMcp({ ...deps, logger }, name, config, { ...settings, signal: closed.signal }, () => {
        listed = undefined;
      });
      if (closed.signal.aborted) {
        await made.close();
        throw new ToolSourceError(name, 'is closed', { retryable: false });
      }
      connection = made;
      return made;
    } catch (error) {
      backOff();
      throw error;
    }
  }

  /** The connection is gone. A server that was of use is started again at once, one that fails again and again is waited for. */
  function lost(): void {
    connection = undefined;
    listed = undefined;
    logger.warn({ failures }, 'tool server connection lost');
    if (failures > 0) notBefore = deps.clock.monotonic() + backoffMs(failures, { baseMs: settings.reconnectBaseMs, maxMs: settings.reconnectMaxMs });
    failures += 1;
  }

  function backOff(): void {
    failures += 1;
    notBefore = deps.clock.monotonic() + backoffMs(failures, { baseMs: settings.reconnectBaseMs, maxMs: settings.reconnectMaxMs });
  }

  async function list(): Promise<readonly Tool[]> {
    const tools = await (await connected()).listTools();
    const wanted = config.tools === undefined ? undefined : new Set(config.tools);
    for (const missing of wanted ?? []) if (!tools.some((tool) => tool.name === missing)) logger.warn({ tool: missing }, 'the server has no tool of this name, which its configuration asks for');
    const taken = new Set<string>();
    return tools.filter((tool) => wanted === undefined || wanted.has(tool.name)).map((tool) => {
      const made = asTool(tool, serverToolName(name, tool.name, (candidate) => taken.has(candidate)));
      taken.add(made.name);
      return made;
    });
  }

  function asTool(tool: McpTool, toolName: string): Tool {
    const isReadOnly = tool.annotations?.readOnlyHint === true;
    const chosen = config.onUnknown;
    const onUnknown: OnUnknown = (chosen !== undefined && Object.hasOwn(chosen, tool.name) ? chosen[tool.name] : undefined) ?? (isReadOnly || tool.annotations?.idempotentHint === true ? 'retry' : 'ask');
    return {
      name: toolName,
      description: tool.description ?? tool.title ?? tool.annotations?.title ?? '',
      inputSchema: tool.inputSchema as unknown as JsonObject,
      isReadOnly,
      onUnknown,
      timeoutMs: callTimeoutMs,
      execute: (args, call) => execute({ toolName, remoteName: tool.name, onUnknown }, args, call),
    };
  }

  async function execute(tool: { toolName: string; remoteName: string; onUnknown: OnUnknown }, args: JsonObject, call: ToolCallContext): Promise<ToolResult> {
    inUse += 1;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const refuseAborted = () => {
          if (call.signal.aborted) throw new ToolAbortedError(tool.toolName, { cause: call.signal.reason });
        };
        const used = await connected(call.signal).catch((error: unknown) => {
          refuseAborted();
          throw error;
        });
        refuseAborted(); // from here on the call is sent
        const outcome = await used.callTool(tool.remoteName, args, { idempotencyKey: call.idempotencyKey, timeoutMs: callTimeoutMs, signal: call.signal });
        // Turned away by a server that has forgotten the session, or never sent because the pipe was gone: once more, on a new connection.
        if (attempt === 1 && outcome.kind === 'failed' && (outcome.failure === 'stale' || (outcome.failure === 'not_sent' && used.isClosed))) {
          await used.close().catch(() => undefined);
          continue;
        }
        return settle(tool, outcome);
      }
    } finally {
      inUse -= 1;
      endWhenIdle();
    }
  }

  function settle(tool: { toolName: string; onUnknown: OnUnknown }, outcome: McpCallOutcome): ToolResult {
    const mayRepeat = tool.onUnknown === 'retry';
    switch (outcome.kind) {
      case 'answered':
        failures = 0;
        return mcpResult(outcome.result);
      case 'refused':
        failures = 0;
        return { content: outcome.message, isError: true };
      case 'timeout':
        if (mayRepeat) throw new ToolTimeoutError(tool.toolName, callTimeoutMs);
        throw new ToolOutcomeUnknownError(tool.toolName, `it was sent, and no answer came within ${callTimeoutMs} ms`);
      case 'aborted':
        if (mayRepeat) throw new ToolAbortedError(tool.toolName);
        throw new ToolOutcomeUnknownError(tool.toolName, 'it was sent, and given up before its answer came');
      case 'closed':
        throw new ToolOutcomeUnknownError(tool.toolName, `the connection to ${name} ended before its answer came`);
      case 'failed':
        if (outcome.failure === 'unknown') throw new ToolOutcomeUnknownError(tool.toolName, `the connection to ${name} failed while it was sent`, { cause: outcome.error });
        throw new ToolSourceError(name, `${tool.toolName} was not sent`, { cause: outcome.error });
    }
  }

  function endWhenIdle(): void {
    if (!isStdio(config) || config.keepAlive !== false || inUse > 0) return;
    const idle = connection;
    deps.clock.setTimer(idleMs, () => {
      if (inUse > 0 || connection !== idle || idle === undefined) return;
      connection = undefined; // the tools stay listed: they are made of names, and connect again
      void idle.close().catch(() => undefined);
    }, { keepAlive: false });
  }

  return {
    name,
    async tools() {
      if (connection?.isClosed === true) await connected();
      listed ??= list().catch((error: unknown) => {
        listed = undefined;
        throw error;
      });
      return listed;
    },
    async close() {
      closed.abort();
      await connecting?.catch(() => undefined);
      const last = connection;
      connection = undefined;
      listed = undefined;
      await last?.close();
    },
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
