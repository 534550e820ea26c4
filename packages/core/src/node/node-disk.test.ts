import { chmod, mkdtemp, rm, stat, symlink, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { nodeDisk } from './node-disk.ts';

const bytes = (text: string) => Buffer.from(text);
const code = (expected: string) => expect.objectContaining({ code: expected }) as unknown;
const permissionsOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('nodeDisk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cortex-disk-'));
    return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const write = async (name: string, text: string) => {
    const file = await nodeDisk.open(join(folder, name), 'write');
    await file.write(bytes(text));
    await file.close();
  };
  const read = async (name: string) => Buffer.from(await nodeDisk.readFile(join(folder, name))).toString();

  it('appends at the end, also after another handle has appended', async () => {
    const [first, second] = [await nodeDisk.open(join(folder, 'log'), 'append'), await nodeDisk.open(join(folder, 'log'), 'append')];
    await first.write(bytes('one '));
    await second.write(bytes('two '));
    await first.write(bytes('three'));
    await first.datasync();
    expect(await read('log')).toBe('one two three');
    expect(await second.size()).toBe(13);
    await first.close();
    await second.close();
  });

  it('reads ranges, and fewer bytes only at the end', async () => {
    await write('file', 'abcdef');
    const file = await nodeDisk.open(join(folder, 'file'), 'read');
    onTestFinished(() => file.close());
    expect(Buffer.from(await file.read(2, 3)).toString()).toBe('cde');
    expect(Buffer.from(await file.read(4, 100)).toString()).toBe('ef');
    expect(await file.read(100, 5)).toHaveLength(0);
    expect(await file.read(0, 0)).toHaveLength(0);
    await expect(file.write(bytes('x'))).rejects.toThrow();
  });

  it('writes in place, leaves a hole of zeros, and truncates', async () => {
    await write('file', 'abcdef');
    const file = await nodeDisk.open(join(folder, 'file'), 'update');
    await file.write(bytes('XY'), 2);
    await file.write(bytes('!'), 8);
    expect(await read('file')).toBe('abXYef\0\0!');
    await file.truncate(3);
    expect(await file.size()).toBe(3);
    await file.close();
    expect(await read('file')).toBe('abX');
  });

  it('claims a name once: create and link refuse what exists', async () => {
    await (await nodeDisk.open(join(folder, 'claim'), 'create')).close();
    await expect(nodeDisk.open(join(folder, 'claim'), 'create')).rejects.toEqual(code('EEXIST'));
    await nodeDisk.link(join(folder, 'claim'), join(folder, 'second'));
    await expect(nodeDisk.link(join(folder, 'claim'), join(folder, 'second'))).rejects.toEqual(code('EEXIST'));
  });

  it('refuses to read or update what is not there', async () => {
    for (const mode of ['read', 'update'] as const) await expect(nodeDisk.open(join(folder, 'none'), mode)).rejects.toEqual(code('ENOENT'));
    await expect(nodeDisk.readFile(join(folder, 'none'))).rejects.toEqual(code('ENOENT'));
    await expect(nodeDisk.list(join(folder, 'none'))).rejects.toEqual(code('ENOENT'));
  });

  it('makes private files and directories unless told otherwise', async () => {
    await write('private', 'x');
    await (await nodeDisk.open(join(folder, 'public'), 'write', { permissions: 0o644 })).close();
    await nodeDisk.makeDirectory(join(folder, 'a', 'b'));
    await nodeDisk.makeDirectory(join(folder, 'a', 'b'));
    expect(await permissionsOf(join(folder, 'private'))).toBe(0o600);
    expect((await permissionsOf(join(folder, 'public'))) & 0o600).toBe(0o600);
    expect(await permissionsOf(join(folder, 'a', 'b'))).toBe(0o700);
  });

  it('lists names in order and says what they are', async () => {
    await write('b', '12');
    await write('a', '');
    await nodeDisk.makeDirectory(join(folder, 'c'));
    expect(await nodeDisk.list(folder)).toEqual(['a', 'b', 'c']);
    expect(await nodeDisk.stat(join(folder, 'b'))).toMatchObject({ kind: 'file', size: 2 });
    expect(await nodeDisk.stat(join(folder, 'c'))).toMatchObject({ kind: 'directory' });
    expect(await nodeDisk.stat('/dev/null')).toMatchObject({ kind: 'other' });
    expect(await nodeDisk.stat(join(folder, 'none'))).toBeUndefined();
    expect(await nodeDisk.stat(join(folder, 'a', 'below-a-file'))).toBeUndefined();
    await chmod(join(folder, 'b'), 0o640);
    expect((await nodeDisk.stat(join(folder, 'b')))?.permissions).toBe(0o640);
    await symlink(join(folder, 'gone'), join(folder, 'dangling'));
    expect(await nodeDisk.stat(join(folder, 'dangling'))).toBeUndefined();
  });

  it('replaces by renaming, and removes what may be absent', async () => {
    await write('old', 'old');
    await write('new', 'new');
    await nodeDisk.rename(join(folder, 'new'), join(folder, 'old'));
    await nodeDisk.syncDirectory(folder);
    expect(await read('old')).toBe('new');
    await nodeDisk.remove(join(folder, 'old'));
    await nodeDisk.remove(join(folder, 'old'));
    expect(await nodeDisk.list(folder)).toEqual([]);
  });

  it('gives back any bytes that were written at any places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat({ max: 20_000 }), fc.uint8Array({ maxLength: 5_000 })), { minLength: 1, maxLength: 5 }), async (writes) => {
        const path = join(folder, 'property');
        const file = await nodeDisk.open(path, 'write');
        const model = Buffer.alloc(26_000);
        let size = 0;
        for (const [position, data] of writes) {
          await file.write(data, position);
          model.set(data, position);
          if (data.length > 0) size = Math.max(size, position + data.length);
        }
        expect(await file.size()).toBe(size);
        expect(Buffer.compare(await file.read(0, 30_000), model.subarray(0, size))).toBe(0);
        await file.close();
        await truncate(path, 0);
      }),
      { numRuns: 30 },
    );
  });
});
