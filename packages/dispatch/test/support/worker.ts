import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished } from 'vitest';

import { startProgram, type ProcessOptions } from './child-program.ts';
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
export async function startWorker(options: WorkerProgramOptions, process: ProcessOptions = {}): Promise<Worker> {
  const { child, nextLine, ended } = await startProgram('worker-program.ts', 'runWorker', options, process);
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

/** Keeps workers at work: one that has died is started again, as a service manager would. */
export async function keepWorkers(count: number, options: WorkerProgramOptions, process: ProcessOptions = {}): Promise<{ deaths(): number }> {
  let deaths = 0;
  let isOver = false;
  const keep = async () => {
    const { ended } = await startWorker(options, process);
    onTestFinished(() => void (isOver = true)); // before its process is ended with the test
    void ended.then(() => {
      if (isOver) return;
      deaths += 1;
      keep().catch(() => {}); // the test is over; if it is not, it misses a worker
    });
  };
  await Promise.all(Array.from({ length: count }, keep));
  return { deaths: () => deaths };
}

/** A directory that goes with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'dispatch-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
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
