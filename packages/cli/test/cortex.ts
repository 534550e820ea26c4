import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { readHostFile, readToken } from '@cortex-runtime/host';
import { createOrchestrationClient, type OrchestrationClient } from '@cortex-runtime/orchestration-client';
import { expect, onTestFinished } from 'vitest';

const bin = fileURLToPath(new URL('../bin/cortex.mjs', import.meta.url));
const slowServer = fileURLToPath(new URL('slow-server.mjs', import.meta.url));
const officeServer = fileURLToPath(new URL('../../../examples/mcp/office-server.mjs', import.meta.url));

/** Longer than anything takes on a busy machine; nothing waits this long when it works. */
export const deadline = { timeout: 30_000, interval: 50 };

export interface Finished {
  code: number | null;
  out: string;
  err: string;
}

/** A directory of agents with a data directory of its own, and the command run in it. */
export function workshop() {
  const directory = mkdtempSync(join(tmpdir(), 'cortex-cli-'));
  const dataDirectory = join(directory, '.cortex');
  const children: ChildProcessByStdio<Writable, Readable, Readable>[] = [];
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL');
    const host = readHostFile(dataDirectory);
    if (host !== undefined && !children.some(({ pid }) => pid === host.pid)) tryKill(host.pid);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  const launch = (args: readonly string[], environment: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: directory,
      env: { PATH: process.env['PATH'], HOME: directory, CORTEX_PORT: '0', NO_COLOR: '1', SECRET: 'a-webhook-secret', ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.push(child);
    const said = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
    const finished = new Promise<Finished>((resolve) => child.once('close', (code) => resolve({ code, ...said })));
    return { child, said, finished };
  };

  return {
    directory,
    dataDirectory,
    launch,
    /** Runs a command to its end. */
    async cortex(args: readonly string[], input?: string): Promise<Finished> {
      const { child, finished } = launch(args);
      child.stdin.end(input ?? '');
      return finished;
    },
    write(path: string, text: string) {
      const full = join(directory, path);
      mkdirSync(join(full, '..'), { recursive: true });
      writeFileSync(full, text);
    },
    /** Starts a host in the foreground and waits until its agents are at work. */
    async start(args: readonly string[] = [], environment: Record<string, string> = {}) {
      const host = launch(['start', ...args], environment);
      await expect.poll(() => (/at work/.test(host.said.out) ? 'at work' : host.said.err), deadline).toBe('at work');
      return { ...host, client: this.client() };
    },
    client(): OrchestrationClient {
      const token = readToken(dataDirectory);
      return createOrchestrationClient({ baseUrl: readHostFile(dataDirectory)?.url ?? 'http://127.0.0.1:9', ...(token === undefined ? {} : { token }) });
    },
  };
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}

/** An agent whose model is a script and whose tools are those of the office and of a server that never answers. */
export function scriptedAgent(name: string, script: string, options: { triggers?: string; more?: string } = {}): Record<string, string> {
  return {
    [`agents/${name}.agent`]: `version: "1.0"
name: ${name}
model: scripted:${name}.yaml
instructions: Do what the script says.
servers:
  office:
    command: node
    args: [${JSON.stringify(officeServer)}, "./office"]
  slow:
    command: node
    args: [${JSON.stringify(slowServer)}, "./office"]
${options.triggers ?? ''}
${options.more ?? ''}
`,
    [`agents/${name}.yaml`]: script,
  };
}
