import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished } from 'vitest';

import { startProgram } from './child-program.ts';
import { until } from './mesh.ts';
import type { WorkerProgramOptions } from './worker-program.ts';

export interface Worker {
  readonly child: ChildProcess;
  /** What it has said so far, a line each. */
  readonly said: readonly string[];
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Resolves when it has said a line that begins so. */
  says(beginning: string): Promise<string>;
}

/** An agent in a process of its own, about to take tasks. */
export async function startWorker(options: WorkerProgramOptions): Promise<Worker> {
  const { child, nextLine, ended } = await startProgram('worker-program.ts', 'runWorker', options);
  const said: string[] = [];
  void (async () => {
    for (let line = await nextLine(); line !== undefined; line = await nextLine()) said.push(line);
  })();
  const says = (beginning: string) =>
    until(() => {
      const line = said.find((each) => each.startsWith(beginning));
      expect(line, `a line that begins with "${beginning}" among:\n${said.join('\n')}`).toBeDefined();
      return line as string;
    }, 30_000);
  await says('ready');
  return { child, said, ended, says };
}

/** A directory that goes with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'dispatch-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Lines of a file, none of one that is not there. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}
