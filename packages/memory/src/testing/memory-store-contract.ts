import { InvalidInputError } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import { MemoryClosedError, MemoryFileNotFoundError, MemoryVersionConflictError } from '../errors.ts';
import { typedMemoryCategories } from '../memory-category.ts';
import type { MemoryStore } from '../memory-store.ts';

/**
 * The promises of {@link MemoryStore}, for every adapter.
 *
 * @param open - gives an empty store that keeps 5 versions and contents of up to 1,000 bytes
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeMemoryStoreContract(name: string, open: () => Promise<MemoryStore>, exceptions: Readonly<Record<string, string>> = {}): void {
  const promise = (title: string, check: (store: MemoryStore) => Promise<void>) => {
    const reason = exceptions[title];
    if (reason !== undefined) it.skip(`${title} (${reason})`, () => {});
    else {
      it(title, async () => {
        const store = await open();
        onTestFinished(() => store.close());
        await check(store);
      });
    }
  };

  describe(`${name} keeps the contract of a memory store`, () => {
    promise('reads what was written, with its version and where it comes from', async (store) => {
      const provenance = { agent: 'forge', runId: 'run-1', source: 'message m-7' };
      const written = await store.write('people', 'anna-b', 'Prefers tea.', { provenance });
      expect(written).toMatchObject({ category: 'people', name: 'anna-b', content: 'Prefers tea.', version: 1, provenance });
      expect(await store.read('people', 'anna-b')).toEqual(written);
      expect(await store.exists('people', 'anna-b')).toBe(true);
    });

    promise('overwrites, appends and prepends on lines of their own, and creates what is not there', async (store) => {
      await store.write('facts', 'list', 'b', { mode: 'append' });
      await store.write('facts', 'list', 'c', { mode: 'append' });
      await store.write('facts', 'list', 'a', { mode: 'prepend' });
      expect((await store.read('facts', 'list')).content).toBe('a\nb\nc');
      const { version, content } = await store.write('facts', 'list', 'all new');
      expect([version, content]).toEqual([4, 'all new']);
    });

    promise('keeps any text as it is', async (store) => {
      const contents = ['', '---\nversion: 9\n---\n\nnot front matter', 'a\r\nb\r', '\n\nlines around\n\n', 'caf\u00e9 \u{1f980} \u2028 "q" \\ end', '\uFEFFmark', '__proto__'];
      for (const content of contents) {
        await store.write('context', 'text', content);
        expect((await store.read('context', 'text')).content).toBe(content);
      }
    });

    promise('lists the entries of one category by name', async (store) => {
      for (const [category, entry] of [['people', 'zoe'], ['people', 'adam'], ['projects', 'adam']] as const) await store.write(category, entry, `${category} ${entry}`);
      expect((await store.list('people')).map(({ name: entry, content }) => [entry, content])).toEqual([['adam', 'people adam'], ['zoe', 'people zoe']]);
      expect(await store.list('skills')).toEqual([]);
    });

    promise('deletes, says whether it was there, and never uses a version number again', async (store) => {
      await store.write('facts', 'moon', 'is round');
      expect(await store.delete('facts', 'moon', { provenance: { agent: 'forge' } })).toBe(true);
      expect(await store.delete('facts', 'moon')).toBe(false);
      expect(await store.exists('facts', 'moon')).toBe(false);
      expect(await store.list('facts')).toEqual([]);
      expect(await store.search('round')).toEqual([]);
      await expect(store.read('facts', 'moon')).rejects.toBeInstanceOf(MemoryFileNotFoundError);
      expect(await store.write('facts', 'moon', 'is a stone', { expectedVersion: 0 })).toMatchObject({ version: 3, content: 'is a stone' });
      expect((await store.versions('facts', 'moon')).map(({ version, content, isDeleted, provenance }) => [version, content, isDeleted, provenance.agent])).toEqual([
        [1, 'is round', false, undefined],
        [2, '', true, 'forge'],
        [3, 'is a stone', false, undefined],
      ]);
    });

    promise('keeps the newest versions, each with its provenance, and forgets them when told', async (store) => {
      for (let index = 1; index <= 8; index += 1) await store.write('skills', 'git', `rule ${index}`, { mode: 'append', provenance: { runId: `run-${index}` } });
      const versions = await store.versions('skills', 'git');
      expect(versions.map(({ version, provenance }) => [version, provenance.runId])).toEqual([4, 5, 6, 7, 8].map((version) => [version, `run-${version}`]));
      expect(versions[0]?.content).toBe('rule 1\nrule 2\nrule 3\nrule 4');
      await store.delete('skills', 'git', { forgetVersions: true });
      expect((await store.versions('skills', 'git')).map(({ version, isDeleted }) => [version, isDeleted])).toEqual([[9, true]]);
      expect((await store.write('skills', 'git', 'again')).version).toBe(10);
    });

    promise('knows nothing of what was never written', async (store) => {
      await expect(store.read('people', 'nobody')).rejects.toBeInstanceOf(MemoryFileNotFoundError);
      expect(await store.exists('people', 'nobody')).toBe(false);
      expect(await store.versions('people', 'nobody')).toEqual([]);
      expect(await store.delete('people', 'nobody')).toBe(false);
    });

    promise('writes only onto the version that was expected', async (store) => {
      await store.write('projects', 'cortex', 'one', { expectedVersion: 0 });
      await expect(store.write('projects', 'cortex', 'x', { expectedVersion: 0 })).rejects.toBeInstanceOf(MemoryVersionConflictError);
      await expect(store.write('projects', 'cortex', 'x', { expectedVersion: 2 })).rejects.toMatchObject({ code: 'MEMORY_VERSION_CONFLICT', version: 1, expectedVersion: 2 });
      expect((await store.write('projects', 'cortex', 'two', { expectedVersion: 1 })).version).toBe(2);
    });

    promise('makes a write once that is made again under its id', async (store) => {
      const add = (line: string, writeId: string) => store.write('context', 'log', line, { mode: 'append', writeId, provenance: { agent: 'forge' } });
      const first = await add('one', 'run-1/2/0');
      expect(first.provenance).toMatchObject({ agent: 'forge', writeId: 'run-1/2/0' });
      await add('two', 'run-1/2/1');
      expect(await add('one', 'run-1/2/0')).toEqual(first);
      expect(await store.write('context', 'log', 'x', { writeId: 'run-1/2/0', expectedVersion: 7 })).toEqual(first);
      await Promise.all([1, 2, 3, 4].map(() => add('three', 'run-1/3/0')));
      expect(await store.read('context', 'log')).toMatchObject({ content: 'one\ntwo\nthree', version: 3 });
    });

    promise('loses no addition of those who write at once, and lets one of them create', async (store) => {
      const lines = Array.from({ length: 12 }, (_, index) => `line ${index}`);
      await Promise.all(lines.map((line) => store.write('context', 'log', line, { mode: 'append' })));
      const { content, version } = await store.read('context', 'log');
      expect(content.split('\n').toSorted()).toEqual(lines.toSorted());
      expect(version).toBe(12);
      const creations = await Promise.allSettled(lines.map((line) => store.write('context', 'first', line, { expectedVersion: 0 })));
      expect(creations.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    promise('finds entries by words of name and content, the most relevant first', async (store) => {
      await store.write('projects', 'berlin-office', 'The wifi password is on the fridge.');
      await store.write('facts', 'fridge', 'The fridge is empty.');
      await store.write('people', 'anna', 'Likes gardens.');
      const found = await store.search('wifi password of the berlin office');
      expect(found[0]?.file).toMatchObject({ category: 'projects', name: 'berlin-office', content: 'The wifi password is on the fridge.' });
      for (const { score } of found) expect(score > 0 && score <= 1).toBe(true);
      expect((await store.search('fridge', { categories: ['facts'] })).map(({ file }) => file.name)).toEqual(['fridge']);
      expect(await store.search('fridge', { limit: 1 })).toHaveLength(1);
      expect(await store.search(' \n')).toEqual([]);
      await store.write('facts', 'fridge', 'Was sold.');
      expect((await store.search('empty')).map(({ file }) => file.name)).toEqual([]);
    });

    // Weakness 27; catalogue row S5
    promise('takes no name that could be a path, a hidden file, a twin in another case, or too long', async (store) => {
      const names = ['', '.', '..', '../../etc/passwd', 'a/b', 'a\\b', '/etc/passwd', '.hidden', 'Anna', 'anna_b', 'anna-', '-anna', 'a--b', 'a b', 'a\0b', 'a\n', 'caf\u00e9', 'cafe\u0301', 'a.md', 'a'.repeat(101), 'a'.repeat(300), '\u212aelvin', '%2e%2e', 'con:'];
      for (const entry of names) {
        await expect(store.write('people', entry, 'x'), entry).rejects.toBeInstanceOf(InvalidInputError);
        await expect(store.read('people', entry), entry).rejects.toBeInstanceOf(InvalidInputError);
        await expect(store.exists('people', entry), entry).rejects.toBeInstanceOf(InvalidInputError);
        await expect(store.delete('people', entry), entry).rejects.toBeInstanceOf(InvalidInputError);
        await expect(store.versions('people', entry), entry).rejects.toBeInstanceOf(InvalidInputError);
      }
      for (const category of ['', '..', 'secrets', '__proto__', 'people/../x', '.versions', '_proposed']) {
        await expect(store.write(category as 'people', 'x', 'x'), category).rejects.toBeInstanceOf(InvalidInputError);
        await expect(store.list(category as 'people'), category).rejects.toBeInstanceOf(InvalidInputError);
        await expect(store.search('x', { categories: [category as 'people'] }), category).rejects.toBeInstanceOf(InvalidInputError);
      }
      for (const category of typedMemoryCategories) expect(await store.list(category)).toEqual([]);
      const longest = 'a'.repeat(100);
      await store.write('people', longest, 'fits');
      expect((await store.read('people', longest)).content).toBe('fits');
    });

    promise('refuses what is no text, too long, or of unknown provenance, and is as it was', async (store) => {
      await store.write('facts', 'short', 'x'.repeat(990));
      const add = (content: string, options = {}) => store.write('facts', 'short', content, { mode: 'append', ...options });
      for (const content of ['y'.repeat(20), '\ud800', 'a\0b']) await expect(add(content)).rejects.toBeInstanceOf(InvalidInputError);
      await expect(store.write('facts', 'umlauts', '\u00e4'.repeat(501))).rejects.toBeInstanceOf(InvalidInputError);
      for (const provenance of [{ agent: '' }, { run: 'x' }, { source: 'a\0' }, { agent: 'x'.repeat(501) }]) {
        await expect(add('z', { provenance })).rejects.toBeInstanceOf(InvalidInputError);
      }
      expect((await store.read('facts', 'short')).version).toBe(1);
      for (const limit of [0, 1.5]) await expect(store.search('x', { limit })).rejects.toBeInstanceOf(InvalidInputError);
    });

    promise('can be closed twice and is not used after', async (store) => {
      await store.write('people', 'anna', 'x');
      await store.close();
      await store.close();
      await expect(store.read('people', 'anna')).rejects.toBeInstanceOf(MemoryClosedError);
      await expect(store.write('people', 'anna', 'x')).rejects.toBeInstanceOf(MemoryClosedError);
      await expect(store.list('people')).rejects.toBeInstanceOf(MemoryClosedError);
      await expect(store.search('x')).rejects.toBeInstanceOf(MemoryClosedError);
    });
  });
}
