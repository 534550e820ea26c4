import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

/** How the command line finds the host of a data directory. Written by other versions too: further keys are allowed. */
const HostFile = z.looseObject({
  pid: z.int().min(1),
  url: z.string(),
  host: z.string(),
  port: z.int(),
  started_at: z.string(),
});

/** A running host, as its data directory tells. */
export interface HostRecord {
  pid: number;
  url: string;
  host: string;
  port: number;
  /** ISO 8601. */
  startedAt: string;
}

const pathOf = (dataDirectory: string) => join(dataDirectory, 'host.json');

/** Replaces the file at once, so that a reader never meets half of it. */
export function writeHostFile(dataDirectory: string, record: HostRecord): void {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const temporary = `${pathOf(dataDirectory)}.${process.pid}`;
  const { startedAt, ...rest } = record;
  writeFileSync(temporary, `${JSON.stringify({ ...rest, started_at: startedAt }, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, pathOf(dataDirectory));
}

/** The host that wrote the file, whether it lives or not; undefined when there is none. */
export function readHostFile(dataDirectory: string): HostRecord | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(pathOf(dataDirectory), 'utf8'));
  } catch {
    return undefined; // none yet, or not readable by us
  }
  const parsed = HostFile.safeParse(raw);
  if (!parsed.success) return undefined;
  const { pid, url, host, port, started_at } = parsed.data;
  return { pid, url, host, port, startedAt: started_at };
}

/** Removes the file if this process wrote it. */
export function removeHostFile(dataDirectory: string): void {
  if (readHostFile(dataDirectory)?.pid === process.pid) rmSync(pathOf(dataDirectory), { force: true });
}

/** Whether a process lives. A number that was given to another program looks alive: the HTTP port has the last word. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
