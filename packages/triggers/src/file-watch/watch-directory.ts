import type { Stats } from 'node:fs';
import { basename } from 'node:path';

import { watch } from 'chokidar';

/** What a file was when it was seen. Times are milliseconds since the epoch. */
export interface FileFacts {
  /** Number of the file in its file system: the same after a rename. */
  inode: number;
  size: number;
  modifiedAt: number;
  /** When its contents, its name or its permissions changed last; unlike `modifiedAt` nobody can set it, so a file moved here is new by it. */
  changedAt: number;
  bornAt: number;
}

export interface DirectoryObserver {
  onSeen(kind: 'created' | 'modified', path: string, facts: FileFacts): void;
  onGone(path: string): void;
  /** Every file that was there at the start has been seen. */
  onReady(): void;
  /** The directory itself may be gone: chokidar does not always say so (it can miss the directory when its files go in the same moment). */
  onDoubt(): void;
  /** The watch is over: the directory vanished, or the system has no watches left. */
  onBroken(error: Error): void;
}

/**
 * Watches a directory of the real file system: the one place that knows chokidar, and the one part of this package that does not go through a seam of core, as
 * change notifications have none.
 *
 * @returns stops watching
 */
export function watchDirectory(path: string, options: { isRecursive: boolean; stableMs: number; ignores: (path: string) => boolean }, observer: DirectoryObserver): () => Promise<void> {
  const watcher = watch(path, {
    alwaysStat: true,
    followSymlinks: false,
    ignorePermissionErrors: true,
    ignored: (candidate) => options.ignores(candidate),
    ...(options.isRecursive ? {} : { depth: 0 }),
    awaitWriteFinish: options.stableMs > 0 ? { stabilityThreshold: options.stableMs, pollInterval: Math.max(10, Math.min(100, options.stableMs / 4)) } : false,
  });
  watcher.on('add', (file, stats) => stats !== undefined && observer.onSeen('created', file, factsOf(stats)));
  watcher.on('change', (file, stats) => stats !== undefined && observer.onSeen('modified', file, factsOf(stats)));
  watcher.on('unlink', (file) => observer.onGone(file));
  watcher.on('unlinkDir', (directory) => directory === path && observer.onDoubt());
  watcher.on('raw', (_event, name) => name === basename(path) && observer.onDoubt());
  watcher.on('ready', () => observer.onReady());
  watcher.on('error', (error) => observer.onBroken(error instanceof Error ? error : new Error(String(error))));
  return () => watcher.close();
}

function factsOf(stats: Stats): FileFacts {
  return { inode: stats.ino, size: stats.size, modifiedAt: stats.mtimeMs, changedAt: stats.ctimeMs, bornAt: stats.birthtimeMs };
}
