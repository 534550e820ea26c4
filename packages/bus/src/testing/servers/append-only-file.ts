import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** How far a server had written its append-only file at some moment. */
export interface AppendMark {
  /** The newest of its files; undefined when there was none yet. */
  readonly file: string | undefined;
  readonly size: number;
}

/** What is written now. With `appendfsync always` that is everything that the server has answered. */
export function markAppendOnlyFile(serverDirectory: string): AppendMark {
  const file = newestIncrement(serverDirectory);
  return { file, size: file === undefined ? 0 : (statSync(join(serverDirectory, folder, file), { throwIfNoEntry: false })?.size ?? 0) };
}

/**
 * Takes back what a server has written since a mark, as a crash of its machine takes what was not synced. The server must be down.
 *
 * @returns bytes that were cut off
 */
export function cutAppendOnlyFile(serverDirectory: string, { file, size }: AppendMark): number {
  const newest = newestIncrement(serverDirectory);
  if (newest === undefined) return 0;
  const path = join(serverDirectory, folder, newest);
  const written = statSync(path).size;
  // A file that was begun since then had nothing at the mark.
  const kept = newest === file ? Math.min(size, written) : 0;
  truncateSync(path, kept);
  return written - kept;
}

const folder = 'appendonlydir';

function newestIncrement(serverDirectory: string): string | undefined {
  let files: string[];
  try {
    files = readdirSync(join(serverDirectory, folder));
  } catch {
    return undefined; // it has not written any yet
  }
  const sequenceOf = (file: string) => Number(/\.(\d+)\.incr\.aof$/.exec(file)?.[1] ?? 0);
  return files.filter((file) => file.endsWith('.incr.aof')).sort((a, b) => sequenceOf(b) - sequenceOf(a))[0];
}
