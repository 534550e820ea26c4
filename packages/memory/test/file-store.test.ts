import { spawn } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';

import { FileMemoryProvider, FileMemoryStore, type FileMemoryStoreOptions, type RootedFolder } from '../src/index.ts';
import { nodeRootedFolder } from '../src/node/index.ts';
import { describeMemoryProviderContract, describeMemoryStoreContract } from '../src/testing/index.ts';

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'cortex-memory-'));
  onTestFinished(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

const open = async (root: string, options: FileMemoryStoreOptions = {}) => new FileMemoryStore({ folder: await nodeRootedFolder(root), clock: systemClock }, options);

describeMemoryStoreContract('FileMemoryStore', async () => open(await folder(), { keepVersions: 5, maxContentBytes: 1_000 }));

const createId = idGenerator({ clock: systemClock, random: systemRandom });
const openProvider = async (root: string, collection?: string) => new FileMemoryProvider({ folder: await nodeRootedFolder(root), createId, clock: systemClock }, collection === undefined ? {} : { collection });

describeMemoryProviderContract('FileMemoryProvider', async () => openProvider(await folder()));

describe('FileMemoryProvider', () => {
  it('finds what others added and no longer what they deleted, in its own collection', async () => {
    const root = await folder();
    const [one, other, elsewhere] = [await openProvider(root), await openProvider(root), await openProvider(root, 'another')];
    const id = await one.add('tea with milk', { metadata: { source: 'chat' } });
    expect(await other.search('tea')).toMatchObject([{ memoryId: id, content: 'tea with milk', metadata: { source: 'chat' } }]);
    expect(await elsewhere.search('tea')).toEqual([]);
    expect(await other.delete(id)).toBe(true);
    expect(await one.search('tea')).toEqual([]);
    expect(await one.delete('../../etc/passwd')).toBe(false);
    await writeFile(join(root, '_memories/agent_memory/broken.json'), '{');
    await expect(one.search('tea')).rejects.toMatchObject({ code: 'MEMORY_READ_FAILED', entry: '_memories/agent_memory/broken.json' });
    await expect(openProvider(root, '../x')).rejects.toThrow(/lower-case/);
  });

  it('says which memory could not be written when the disk is full', async () => {
    const real = await nodeRootedFolder(await folder());
    const full: RootedFolder = { ...real, claim: () => Promise.reject(new Error('ENOSPC: no space left on device')) };
    await expect(new FileMemoryProvider({ folder: full, createId, clock: systemClock }).add('x')).rejects.toMatchObject({ code: 'MEMORY_WRITE_FAILED' });
  });
});

describe('FileMemoryStore', () => {
  it('is Markdown with front matter that people can read', async () => {
    const root = await folder();
    const clock = { ...systemClock, now: () => Date.UTC(2026, 2, 1, 9) };
    const store = new FileMemoryStore({ folder: await nodeRootedFolder(root), clock });
    await store.write('people', 'anna', '# Anna\n\nPrefers tea.', { provenance: { agent: 'forge', runId: 'run-1', source: 'said "so":\nyes' } });
    expect(await readFile(join(root, 'people/anna.md'), 'utf8')).toMatchInlineSnapshot(`
      "---
      category: people
      name: "anna"
      version: 1
      created_at: 2026-03-01T09:00:00.000Z
      updated_at: 2026-03-01T09:00:00.000Z
      agent: "forge"
      run: "run-1"
      source: "said \\"so\\":\\nyes"
      ---

      # Anna

      Prefers tea.
      "
    `);
    expect((await stat(join(root, 'people/anna.md'))).mode & 0o777).toBe(0o600);
  });

  it('takes what a person edited for a version of its own, and writes on from there', async () => {
    const root = await folder();
    const store = await open(root);
    await store.write('people', 'anna', 'Prefers tea.', { provenance: { agent: 'forge' } });
    const path = join(root, 'people/anna.md');
    await writeFile(path, (await readFile(path, 'utf8')).replace('tea', 'coffee'));
    expect(await store.read('people', 'anna')).toMatchObject({ content: 'Prefers coffee.', version: 2, provenance: { source: 'edited by hand' } });
    expect((await store.write('people', 'anna', 'Likes cats.', { mode: 'append' })).content).toBe('Prefers coffee.\nLikes cats.');
    expect((await store.versions('people', 'anna')).map(({ version, content, provenance }) => [version, content, provenance.agent ?? provenance.source])).toEqual([
      [1, 'Prefers tea.', 'forge'],
      [2, 'Prefers coffee.', 'edited by hand'],
      [3, 'Prefers coffee.\nLikes cats.', undefined],
    ]);
  });

  it('takes files that a person put there, with and without front matter, and passes over names that are not safe', async () => {
    const root = await folder();
    const store = await open(root);
    await mkdir(join(root, 'facts'));
    await writeFile(join(root, 'facts/plain.md'), 'Just text.\r\n');
    await writeFile(join(root, 'facts/windows.md'), '---\r\ntags: [a, b]\r\nagent: [not a text]\r\n---\r\n\r\nBody\r\n');
    for (const name of ['.hidden.md', 'Upper.md', 'notes.txt', 'a b.md', '-x.md']) await writeFile(join(root, 'facts', name), 'no');
    await mkdir(join(root, 'facts/folder.md'));
    expect((await store.list('facts')).map(({ name, content }) => [name, content])).toEqual([['plain', 'Just text.'], ['windows', 'Body']]);
    expect((await store.search('text'))[0]?.file.name).toBe('plain');
  });

  it('finds and lists what changed since it last looked, whoever changed it', async () => {
    const root = await folder();
    let now = 0;
    const later = new FileMemoryStore({ folder: await nodeRootedFolder(root), clock: { ...systemClock, now: () => now } });
    const other = await open(root);
    for (const name of ['a', 'b', 'c', 'd']) await other.write('facts', name, `about zebras ${name}`);
    now = systemClock.now() + 60_000; // long after the files were written: what is read now may be kept
    expect(await later.search('zebras', { limit: 9 })).toHaveLength(4);
    await other.write('facts', 'a', 'about lions');
    await other.delete('facts', 'b');
    await writeFile(join(root, 'facts/c.md'), 'about tigers');
    expect((await later.search('zebras', { limit: 9 })).map(({ file }) => file.name)).toEqual(['d']);
    expect((await later.list('facts')).map(({ name, content }) => [name, content])).toEqual([['a', 'about lions'], ['c', 'about tigers'], ['d', 'about zebras d']]);
  });

  it('goes on from the newest version when a crash kept the readable file from being replaced', async () => {
    const root = await folder();
    const real = await nodeRootedFolder(root);
    const store = await open(root);
    await store.write('facts', 'moon', 'one');
    const crashing: RootedFolder = { ...real, replace: () => new Promise(() => {}) };
    void new FileMemoryStore({ folder: crashing, clock: systemClock }).write('facts', 'moon', 'two', { mode: 'append' });
    await expect.poll(() => readdir(join(root, '.versions/facts/moon'))).toHaveLength(2);
    expect(await readFile(join(root, 'facts/moon.md'), 'utf8')).toContain('one\n');
    expect(await store.read('facts', 'moon')).toMatchObject({ content: 'one\ntwo', version: 2 });
    await store.write('facts', 'moon', 'three', { mode: 'append' });
    expect(await readFile(join(root, 'facts/moon.md'), 'utf8')).toContain('one\ntwo\nthree\n');
  });

  it('says what went wrong when the disk is full, and keeps what was there', async () => {
    const root = await folder();
    const real = await nodeRootedFolder(root);
    const full: RootedFolder = { ...real, claim: () => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })) };
    await (await open(root)).write('facts', 'moon', 'round');
    const store = new FileMemoryStore({ folder: full, clock: systemClock });
    await expect(store.write('facts', 'moon', 'flat')).rejects.toMatchObject({ code: 'MEMORY_WRITE_FAILED', entry: 'facts/moon' });
    expect((await store.read('facts', 'moon')).content).toBe('round');
  });

  it('does not give the number of a forgotten version to a writer that was stopped for long', async () => {
    const root = await folder();
    const real = await nodeRootedFolder(root);
    const others = await open(root, { keepVersions: 1 });
    await others.write('facts', 'moon', 'v1');
    let isStopped = true;
    const stopped: RootedFolder = {
      ...real,
      async claim(path, content) {
        if (isStopped) for (let index = 2; index <= 5; index += 1) await others.write('facts', 'moon', `v${index}`, { mode: 'append' });
        isStopped = false;
        return real.claim(path, content);
      },
    };
    await new FileMemoryStore({ folder: stopped, clock: systemClock }, { keepVersions: 1 }).write('facts', 'moon', 'late', { mode: 'append' });
    expect((await others.read('facts', 'moon')).content).toBe('v1\nv2\nv3\nv4\nv5\nlate');
  });

  it('loses no addition of several processes that write at once, also when one of them is killed', async () => {
    const root = await folder();
    const { bundleSource } = (await import(new URL('../../../tools/source-bundle.mjs', import.meta.url).href)) as { bundleSource(entry: string): Promise<string> };
    const program = await bundleSource('packages/memory/test/append-lines-program.ts');
    const run = (writer: string, lines: number, killAfter?: number) =>
      new Promise<number>((resolve) => {
        const script = `const { appendLines } = await import(${JSON.stringify(pathToFileURL(program).href)}); await appendLines(${JSON.stringify({ root, writer, lines })});`;
        const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
        let acknowledged = 0;
        child.stdout.on('data', (data: Buffer) => {
          acknowledged += data.toString().split('\n').length - 1;
          if (killAfter !== undefined && acknowledged >= killAfter) child.kill('SIGKILL');
        });
        child.once('close', () => resolve(acknowledged));
      });
    const [a, b, killed] = await Promise.all([run('a', 15), run('b', 15), run('killed', 1_000, 5)]);
    const { content } = await (await open(root, { maxContentBytes: 1_000_000 })).read('context', 'log');
    const written = content.split('\n');
    expect([a, b]).toEqual([15, 15]);
    for (const writer of ['a', 'b']) expect(written.filter((line) => line.startsWith(`${writer} `))).toEqual(Array.from({ length: 15 }, (_, index) => `${writer} ${index}`));
    const survived = written.filter((line) => line.startsWith('killed '));
    expect(survived.slice(0, killed)).toEqual(Array.from({ length: killed }, (_, index) => `killed ${index}`));
    expect(survived.length - killed).toBeLessThanOrEqual(1); // the one it was at
  }, 60_000);
});

// Weakness 27; catalogue row S5
describe('FileMemoryStore never leaves its root', () => {
  const outsideOf = async (root: string) => {
    const outside = `${root}-evil`; // a prefix of the path is not the path
    await mkdir(outside);
    onTestFinished(() => rm(outside, { recursive: true, force: true, maxRetries: 5 }));
    await writeFile(join(outside, 'anna.md'), 'secret');
    return outside;
  };

  it('reads, writes, lists and deletes nothing through a link in the place of a category', async () => {
    const root = await folder();
    const outside = await outsideOf(root);
    const store = await open(root);
    await symlink(outside, join(root, 'people'));
    await expect(store.read('people', 'anna')).rejects.toMatchObject({ code: 'MEMORY_READ_FAILED' });
    await expect(store.list('people')).rejects.toMatchObject({ code: 'MEMORY_READ_FAILED' });
    await expect(store.write('people', 'anna', 'x')).rejects.toMatchObject({ code: 'MEMORY_WRITE_FAILED' });
    await expect(store.delete('people', 'anna')).rejects.toMatchObject({ code: 'MEMORY_WRITE_FAILED' });
    expect(await readdir(outside)).toEqual(['anna.md']);
    expect(await readFile(join(outside, 'anna.md'), 'utf8')).toBe('secret');
  });

  it('follows no link in the place of an entry, of the versions, or of a version', async () => {
    const root = await folder();
    const outside = await outsideOf(root);
    const store = await open(root);
    await store.write('people', 'bob', 'here');
    await symlink(join(outside, 'anna.md'), join(root, 'people/anna.md'));
    await expect(store.read('people', 'anna')).rejects.toMatchObject({ code: 'MEMORY_READ_FAILED' });
    await expect(store.write('people', 'anna', 'x')).rejects.toMatchObject({ code: 'MEMORY_WRITE_FAILED' });
    await mkdir(join(root, '.versions/facts'), { recursive: true });
    await symlink(outside, join(root, '.versions/facts/moon'));
    await expect(store.write('facts', 'moon', 'x')).rejects.toMatchObject({ code: 'MEMORY_WRITE_FAILED' });
    await symlink(join(outside, 'anna.md'), join(root, '.versions/people/bob/2.md'));
    expect((await store.read('people', 'bob')).content).toBe('here');
    expect(await readFile(join(outside, 'anna.md'), 'utf8')).toBe('secret');
    expect(await readdir(outside)).toEqual(['anna.md']);
  });

  it('opens no device, pipe or folder in the place of an entry', async () => {
    const root = await folder();
    const store = await open(root);
    await mkdir(join(root, 'facts/moon.md'), { recursive: true });
    await expect(store.read('facts', 'moon')).rejects.toMatchObject({ code: 'MEMORY_READ_FAILED' });
    await link('/dev/null', join(root, 'facts/null.md')).catch(() => writeFile(join(root, 'facts/huge.md'), 'x'.repeat(400_000)));
    if ((await readdir(join(root, 'facts'))).includes('huge.md')) await expect(store.read('facts', 'huge')).rejects.toThrow(/EFBIG/);
  });

  it('stays inside while somebody swaps a category for a link and back, as fast as they can', async () => {
    const root = await folder();
    const outside = await outsideOf(root);
    const store = await open(root);
    await store.write('people', 'anna', 'inside');
    let isDone = false;
    const swapping = (async () => {
      while (!isDone) {
        await rename(join(root, 'people'), join(root, 'aside')).catch(() => undefined);
        await symlink(outside, join(root, 'people')).catch(() => undefined);
        await unlink(join(root, 'people')).catch(() => undefined);
        await rename(join(root, 'aside'), join(root, 'people')).catch(() => undefined);
      }
    })();
    for (let index = 0; index < 100; index += 1) {
      const content = await store.read('people', 'anna').then((file) => file.content, () => 'refused');
      expect(content).not.toBe('secret');
      await store.write('people', 'anna', 'inside').catch(() => undefined);
      await store.write('people', `new-${index}`, 'inside').catch(() => undefined);
    }
    isDone = true;
    await swapping;
    expect(await readdir(outside)).toEqual(['anna.md']);
    expect(await readFile(join(outside, 'anna.md'), 'utf8')).toBe('secret');
  }, 60_000);

  it('refuses any path that is no list of names', async () => {
    const root = await folder();
    const rooted = await nodeRootedFolder(root);
    for (const path of [['..', 'x'], ['.', 'x'], ['a/../..', 'x'], ['a', '..'], ['a', ''], [], ['a', 'b\0'], ['a', '..\\x']]) {
      await expect(rooted.read(path, 10)).rejects.toThrow(/EINVAL/);
      await expect(rooted.replace(path, new Uint8Array())).rejects.toThrow(/EINVAL/);
      await expect(rooted.claim(path, new Uint8Array())).rejects.toThrow(/EINVAL/);
      await expect(rooted.remove(path)).rejects.toThrow(/EINVAL/);
    }
    await expect(rooted.list(['..'])).rejects.toThrow(/EINVAL/);
  });
});
