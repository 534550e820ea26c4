import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { build } from 'esbuild';

/** Makes a program for plain Node of a TypeScript file, once; `remove` deletes it. */
export async function bundleChild(file: string): Promise<{ path: string; remove: () => Promise<void> }> {
  // Inside the repository, so that npm packages are found.
  const cache = join(import.meta.dirname, '../../../node_modules/.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'journal-child-'));
  const path = join(folder, 'child.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'children', file)], outfile: path, bundle: true, platform: 'node', format: 'esm', target: 'node20', conditions: ['@cortex-runtime/source'], external: ['zod', 'uuidv7'] });
  return { path, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

export interface Child {
  process: ChildProcess;
  /** The next line that it prints; undefined when it has ended. */
  nextLine(): Promise<string | undefined>;
  tell(line: string): void;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

export function startChild(path: string, ...args: string[]): Child {
  const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    nextLine: async () => ((await lines.next()) as { value?: string }).value,
    tell: (line) => void child.stdin.write(`${line}\n`),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
