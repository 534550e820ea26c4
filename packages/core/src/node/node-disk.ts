import { constants } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';

import type { Disk, DiskFile, OpenMode } from '../disk.ts';

const flags: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  append: constants.O_RDWR | constants.O_CREAT | constants.O_APPEND,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  write: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  update: constants.O_RDWR,
};

/** The real file system. Files are made with mode 0600 and directories with 0700 unless told otherwise: journals hold private data. */
export const nodeDisk: Disk = {
  async open(path, mode, options) {
    return nodeFile(await open(path, flags[mode], options?.permissions ?? 0o600));
  },
  readFile: (path) => readFile(path),
  list: async (path) => (await readdir(path)).sort(),
  async stat(path) {
    try {
      const found = await stat(path);
      return { kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other', size: found.size, modifiedAt: found.mtimeMs, permissions: found.mode & 0o777 };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  async makeDirectory(path, options) {
    await mkdir(path, { recursive: true, mode: options?.permissions ?? 0o700 });
  },
  rename: (from, to) => rename(from, to),
  link: (from, to) => link(from, to),
  remove: (path) => rm(path, { force: true, recursive: true }),
  async syncDirectory(path) {
    const directory = await open(path, constants.O_RDONLY);
    try {
      await directory.sync();
    } catch (error) {
      // Windows can not sync a directory; there the rename itself is durable.
      if (process.platform !== 'win32') throw error;
    } finally {
      await directory.close();
    }
  },
};

function nodeFile(handle: FileHandle): DiskFile {
  return {
    async write(data, position) {
      let written = 0;
      while (written < data.length) {
        const { bytesWritten } = await handle.write(data, written, data.length - written, position === undefined ? null : position + written);
        written += bytesWritten;
      }
    },
    async read(position, length) {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    datasync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
