import { randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { link, lstat, mkdir, open, readdir, realpath, rename, rm, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import type { FolderEntry, RootedFolder } from '../file/rooted-folder.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_DIRECTORY = 0, O_NONBLOCK = 0 } = constants;

/** Linux names an open folder by its descriptor: what is reached through it can not be swapped on the way, as with openat. */
const hasDescriptorPaths = process.platform === 'linux' && existsSync('/proc/self/fd');

/** A folder on the way to a file, held open while it is used. */
interface OpenFolder {
  /** A path that leads to this very folder. */
  path: string;
  close(): Promise<void>;
  sync(): Promise<void>;
}

/**
 * The folder `root` of the real file system, made when absent. `root` itself may be reached through links: where it lies is the operator's choice.
 *
 * On Linux every folder on the way is opened by the descriptor of the one above it. Elsewhere it is checked after opening that it is where its path says, which
 * leaves a moment between check and use to somebody who may already write in the folder.
 */
export async function nodeRootedFolder(root: string): Promise<RootedFolder> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const realRoot = await realpath(root);

  const openFolder = async (names: readonly string[], options: { create: boolean }): Promise<OpenFolder> => {
    let path = realRoot;
    let current = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      for (const [index, name] of names.entries()) {
        const base = hasDescriptorPaths ? `/proc/self/fd/${current.fd}` : path;
        const next = await openChild(`${base}/${assertName(name)}`, options);
        await current.close();
        current = next;
        path = join(path, name);
        if (!hasDescriptorPaths) await assertSame(current, path, join(realRoot, ...names.slice(0, index + 1)));
      }
    } catch (error) {
      await current.close();
      throw error;
    }
    const opened = current;
    return { path: hasDescriptorPaths ? `/proc/self/fd/${opened.fd}` : path, close: () => opened.close(), sync: () => syncFolder(opened) };
  };

  const within = async <T>(path: readonly string[], options: { create: boolean }, use: (folder: OpenFolder, name: string) => Promise<T>): Promise<T> => {
    const name = assertName(path.at(-1) ?? '');
    const folder = await openFolder(path.slice(0, -1), options);
    try {
      return await use(folder, name);
    } finally {
      await folder.close();
    }
  };

  /** A complete file under a name that nobody looks for. */
  const writeTemporary = async (folder: OpenFolder, content: Uint8Array): Promise<string> => {
    const temporary = `${folder.path}/.new-${randomBytes(8).toString('hex')}`;
    const file = await open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(content);
      await file.datasync();
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return temporary;
  };

  return {
    read: (path, maxBytes) =>
      within(path, { create: false }, async (folder, name) => {
        const file = await open(`${folder.path}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        try {
          const found = await file.stat();
          if (!found.isFile()) throw systemError('EINVAL', `${path.join('/')} is no regular file`);
          if (found.size > maxBytes) throw systemError('EFBIG', `${path.join('/')} has ${found.size} bytes, more than ${maxBytes}`);
          return await file.readFile();
        } finally {
          await file.close();
        }
      }).catch(undefinedWhenAbsent),

    async list(path) {
      const folder = await openFolder(path, { create: false }).catch(undefinedWhenAbsent);
      if (folder === undefined) return [];
      try {
        const entries: FolderEntry[] = [];
        for (const name of (await readdir(folder.path)).sort()) {
          const found = await lstat(`${folder.path}/${name}`).catch(undefinedWhenAbsent);
          if (found !== undefined) entries.push({ name, kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other', modifiedAt: found.mtimeMs, size: found.size });
        }
        return entries;
      } finally {
        await folder.close();
      }
    },

    replace: (path, content) =>
      within(path, { create: true }, async (folder, name) => {
        const temporary = await writeTemporary(folder, content);
        await rename(temporary, `${folder.path}/${name}`).catch(async (error: unknown) => {
          await rm(temporary, { force: true });
          throw error;
        });
        await folder.sync();
      }),

    claim: (path, content) =>
      within(path, { create: true }, async (folder, name) => {
        const temporary = await writeTemporary(folder, content);
        try {
          await link(temporary, `${folder.path}/${name}`);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
          throw error;
        } finally {
          await rm(temporary, { force: true });
        }
        await folder.sync();
        return true;
      }),

    async remove(path) {
      await within(path, { create: false }, async (folder, name) => {
        await unlink(`${folder.path}/${name}`);
        await folder.sync();
      }).catch(undefinedWhenAbsent);
    },
  };
}

async function openChild(path: string, options: { create: boolean }): Promise<FileHandle> {
  const openIt = () => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return await openIt();
  } catch (error) {
    if (!options.create || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(path, { mode: 0o700 }).catch((problem: NodeJS.ErrnoException) => {
      if (problem.code !== 'EEXIST') throw problem;
    });
    return openIt();
  }
}

async function assertSame(handle: FileHandle, path: string, expected: string): Promise<void> {
  const [opened, there] = [await handle.stat(), await lstat(expected)];
  if (opened.ino !== there.ino || opened.dev !== there.dev || (await realpath(path)) !== expected) throw systemError('ELOOP', `${path} leads out of the folder`);
}

async function syncFolder(handle: FileHandle): Promise<void> {
  await handle.sync().catch((error: unknown) => {
    if (process.platform !== 'win32') throw error; // there a rename is durable by itself
  });
}

/** A name is one step down: nothing else gets as far as a path. */
function assertName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) throw systemError('EINVAL', `${JSON.stringify(name)} is no file name`);
  return name;
}

function undefinedWhenAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}

function systemError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
