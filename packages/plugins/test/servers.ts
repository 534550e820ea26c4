import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Logger } from '@cortex-runtime/core';
import { nodeNet, systemClock } from '@cortex-runtime/core/node';
import { expect, onTestFinished } from 'vitest';

import type { ToolCallContext, ToolSource } from '../src/index.ts';
import { mcpServer, type McpConnectionDeps, type McpServerConfig, type McpServerOptions } from '../src/mcp/index.ts';

export const here = import.meta.dirname;
export const office = join(here, '../../../examples/mcp/office-server.mjs');
export const oddServer = join(here, 'odd-server.mjs');

export interface Line { level: string; facts: object; message: string }

export function recordingLogger(): Logger & { lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (facts: object, message: string) => void lines.push({ level, facts, message });
  const logger = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
  return logger;
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cortex-mcp-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export function connect(config: McpServerConfig, deps: Partial<McpConnectionDeps> = {}, options: Partial<McpServerOptions> = {}, name = 'srv'): ToolSource {
  const source = mcpServer(
    { clock: systemClock, logger: recordingLogger(), net: nodeNet, environment: { PATH: process.env['PATH'], HOME: process.env['HOME'] }, ...deps },
    name,
    config,
    { baseDirectory: here, reconnectBaseMs: 1, reconnectMaxMs: 10, ...options },
  );
  onTestFinished(() => source.close());
  return source;
}

export function callContext(overrides: Partial<ToolCallContext> = {}): ToolCallContext {
  return { processName: 'agent', runId: 'run-1', effectId: 'effect-1', idempotencyKey: 'key-1', signal: new AbortController().signal, ...overrides };
}

export async function toolOf(source: ToolSource, name: string) {
  const tool = (await source.tools()).find((each) => each.name === name);
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return tool;
}

/** Polls until `check` stops throwing; for real processes only. */
export async function eventually(check: () => unknown): Promise<void> {
  await expect.poll(async () => {
    await check();
    return true;
  }, { timeout: 10_000, interval: 20 }).toBe(true);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
