import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface LogQuery {
  /** At most this many lines, the newest. */
  limit: number;
  /** Only what came after this cursor. */
  after?: string;
  /** Only lines about this process. */
  process?: string;
}

export interface LogPage {
  /** Oldest first. */
  lines: Record<string, unknown>[];
  cursor: string;
}

/** Newer bytes of a log than these are enough for any question that is asked of it. */
const readBytes = 2 * 1024 * 1024;

/** Path of the host's log. */
export function logFileOf(dataDirectory: string): string {
  return join(dataDirectory, 'logs', 'host.log');
}

/** Files that a log is kept in, the newest first. */
const keptFiles = ['', '.1', '.2', '.3'];

/** Reads the end of the host's log, over its rotations. */
export async function readLogFile(dataDirectory: string, query: LogQuery): Promise<LogPage> {
  const [, inode, offset] = /^(\d+):(\d+)$/.exec(query.after ?? '') ?? [];
  const texts: string[] = [];
  let cursor = '0:0';
  let bytes = 0;
  for (const [index, suffix] of keptFiles.entries()) {
    const found = await readFrom(logFileOf(dataDirectory) + suffix, inode, Number(offset));
    if (found === undefined) break;
    if (index === 0) cursor = `${found.inode}:${found.end}`;
    texts.unshift(found.text);
    bytes += found.text.length;
    if (found.inode === inode || bytes >= readBytes) break;
  }
  const lines = texts.join('').split('\n').flatMap((line) => parseLine(line)).filter((line) => query.process === undefined || line['process'] === query.process);
  return { lines: query.limit === 0 ? [] : lines.slice(-query.limit), cursor };
}

/** What stands in a file behind `offset` when it is the one with `inode`, else all of it, as far as it is new enough. */
async function readFrom(path: string, inode: string | undefined, offset: number): Promise<{ inode: string; text: string; end: number } | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const from = Math.max(String(found.ino) === inode ? offset : 0, found.size - readBytes);
    const buffer = Buffer.alloc(Math.max(0, found.size - from));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    // A line that is being written stays for the next call.
    const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    return { inode: String(found.ino), text: buffer.toString('utf8', 0, end), end: from + end };
  } finally {
    await file.close();
  }
}

function parseLine(line: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value as Record<string, unknown>] : [];
  } catch {
    return []; // empty, or cut by the window
  }
}
