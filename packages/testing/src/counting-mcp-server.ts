import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { z } from 'zod';

import { openCallLedger, type CallLedger } from './call-ledger.ts';

export { readCallLedger, type LedgerRecord } from './call-ledger.ts';
export { programArguments } from './program-arguments.ts';

/** An MCP server that counts what it executes. */
export const CountingMcpServerOptions = z.strictObject({
  /** File that counts: one line for every executed call, on disk before the call is answered. */
  ledger: z.string().min(1),
  /** `http` listens on 127.0.0.1 and prints `{"url":"…/mcp"}`. */
  transport: z.enum(['stdio', 'http']).default('stdio'),
  port: z.int().min(0).default(0),
  /** Milliseconds between execution and answer: the window in which a kill leaves an unknown outcome. */
  delayMs: z.number().min(0).default(0),
  /** Milliseconds between the request and execution: the window in which a kill of both leaves a call that did not happen. */
  delayBeforeMs: z.number().min(0).default(0),
  /** File that, when it is there, holds `{ "die": "before" | "after", "delay_ms": 50 }`; it is removed before the server dies of it, so it dies once. */
  control: z.string().optional(),
});
export type CountingMcpServerOptions = z.input<typeof CountingMcpServerOptions>;
type Settings = z.output<typeof CountingMcpServerOptions>;

interface Control {
  die?: 'before' | 'after';
  delay_ms?: number;
}

/**
 * Runs until its input closes (stdio) or the process ends (http). Tools, each with a `value` that is counted along:
 * `read_value` (only reads), `set_value` (idempotent), `add_value` (neither: to execute it twice is the mistake that crash tests look for).
 */
export async function runCountingMcpServer(options: CountingMcpServerOptions): Promise<void> {
  const settings = CountingMcpServerOptions.parse(options);
  const ledger = openCallLedger(settings.ledger);
  if (settings.transport === 'stdio') {
    // The host's end of the pipe closes when it is killed; a server that stayed would be an orphan.
    process.stdin.on('end', () => process.exit(0));
    await countingServer(ledger, settings).connect(new StdioServerTransport());
    return;
  }
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const server = createServer((request, response) => {
    void (async () => {
      const id = request.headers['mcp-session-id'];
      let transport = typeof id === 'string' ? sessions.get(id) : undefined;
      if (transport === undefined && id === undefined) {
        const made: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: (session) => void sessions.set(session, made) });
        await countingServer(ledger, settings).connect(made as Transport);
        transport = made;
      }
      if (transport === undefined) response.writeHead(404, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}');
      else await transport.handleRequest(request, response);
    })();
  });
  await new Promise<void>((resolve) => server.listen(settings.port, '127.0.0.1', resolve));
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` })}\n`);
}

function countingServer(ledger: CallLedger, settings: Settings): McpServer {
  const server = new McpServer({ name: 'counting', version: '1.0.0' });
  const tools = {
    read_value: { description: 'Reads a value.', annotations: { readOnlyHint: true } },
    set_value: { description: 'Sets a value; setting it again changes nothing.', annotations: { readOnlyHint: false, idempotentHint: true } },
    add_value: { description: 'Adds a value; adding it again adds it twice.', annotations: { readOnlyHint: false, idempotentHint: false } },
  };
  for (const [name, { description, annotations }] of Object.entries(tools)) {
    server.registerTool(name, { description, annotations, inputSchema: { value: z.string() } }, async ({ value }, { _meta: meta }) => {
      const control = readControl(settings);
      if (control.die === 'before') process.exit(1);
      if (settings.delayBeforeMs > 0) await new Promise((resolve) => setTimeout(resolve, settings.delayBeforeMs));
      ledger.append({ tool: name, value, idempotency_key: meta?.['cortex/idempotency-key'] ?? null, pid: process.pid, executed_at: Date.now() });
      if (control.die === 'after') process.exit(1);
      const delayMs = control.delay_ms ?? settings.delayMs;
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      return { content: [{ type: 'text', text: `${name} ${value}: done` }] };
    });
  }
  return server;
}

function readControl({ control }: Settings): Control {
  if (control === undefined) return {};
  let read: Control;
  try {
    read = JSON.parse(readFileSync(control, 'utf8')) as Control;
  } catch {
    return {}; // not there: nothing is asked for
  }
  if (read.die !== undefined) rmSync(control);
  return read;
}
