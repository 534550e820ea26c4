import { InvalidInputError, type JsonObject } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import { MemoryClosedError } from '../errors.ts';
import type { MemoryProvider } from '../memory-provider.ts';

/**
 * The promises of {@link MemoryProvider}, for every adapter.
 *
 * @param open - gives an empty memory
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeMemoryProviderContract(name: string, open: () => Promise<MemoryProvider>, exceptions: Readonly<Record<string, string>> = {}): void {
  const promise = (title: string, check: (memory: MemoryProvider) => Promise<void>) => {
    const reason = exceptions[title];
    if (reason !== undefined) it.skip(`${title} (${reason})`, () => {});
    else {
      it(title, async () => {
        const memory = await open();
        onTestFinished(() => memory.close());
        await check(memory);
      });
    }
  };

  describe(`${name} keeps the contract of a memory provider`, () => {
    promise('finds what was added, with its id, metadata and a score above 0 and at most 1', async (memory) => {
      const id = await memory.add('Anna prefers tea over coffee', { metadata: { source: 'chat', turns: [1, null] } });
      const [found, ...others] = await memory.search('tea coffee');
      expect(others).toEqual([]);
      expect(found).toMatchObject({ memoryId: id, content: 'Anna prefers tea over coffee', metadata: { source: 'chat', turns: [1, null] } });
      expect(found?.score).toBeGreaterThan(0);
      expect(found?.score).toBeLessThanOrEqual(1);
    });

    promise('puts the most relevant first', async (memory) => {
      await memory.add('The office closes at six');
      const wanted = await memory.add('Berlin office: the wifi password is on the fridge');
      await memory.add('The fridge is empty');
      const found = await memory.search('wifi password of the Berlin office');
      expect(found[0]?.memoryId).toBe(wanted);
      expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).toSorted((a, b) => b - a));
    });

    promise('gives at most as many as asked, five when not asked', async (memory) => {
      for (let index = 0; index < 9; index += 1) await memory.add(`invoice number ${index}`);
      expect(await memory.search('invoice')).toHaveLength(5);
      expect(await memory.search('invoice', { limit: 2 })).toHaveLength(2);
      expect(await memory.search('invoice', { limit: 100 })).toHaveLength(9);
    });

    promise('leaves out what is less relevant than asked, and nothing else', async (memory) => {
      for (const content of ['red apple', 'red apple pie', 'green apple pie', 'blue car', 'red car']) await memory.add(content);
      const all = await memory.search('red apple pie', { limit: 10 });
      expect(all.length).toBeGreaterThan(1);
      const minScore = all[1]?.score ?? 1;
      const relevant = await memory.search('red apple pie', { limit: 10, minScore });
      expect(relevant).toEqual(all.filter(({ score }) => score >= minScore));
    });

    promise('finds nothing in an empty memory, nor for a blank query', async (memory) => {
      expect(await memory.search('anything')).toEqual([]);
      await memory.add('something');
      expect(await memory.search(' \n')).toEqual([]);
    });

    promise('keeps equal contents apart', async (memory) => {
      const [first, second] = [await memory.add('same words'), await memory.add('same words')];
      expect(first).not.toBe(second);
      expect((await memory.search('same words')).map(({ memoryId }) => memoryId).toSorted()).toEqual([first, second].toSorted());
    });

    promise('adds a memory once that is added again under its id', async (memory) => {
      const added = await Promise.all([1, 2, 3].map(() => memory.add('pay the baker', { memoryId: 'run-1-Reply' })));
      expect(added).toEqual(['run-1-Reply', 'run-1-Reply', 'run-1-Reply']);
      await memory.add('something else', { memoryId: 'run-1-Reply' });
      expect((await memory.search('pay the baker', { limit: 10 })).map(({ memoryId, content }) => [memoryId, content])).toEqual([['run-1-Reply', 'pay the baker']]);
      expect(await memory.search('something else')).toEqual([]);
      for (const memoryId of ['', '../x', 'a b', 'a_b', 'x'.repeat(101)]) await expect(memory.add('x', { memoryId }), memoryId).rejects.toBeInstanceOf(InvalidInputError);
    });

    promise('forgets what is deleted, and says whether it was there', async (memory) => {
      const id = await memory.add('a secret wish');
      await memory.add('another wish');
      expect(await memory.delete(id)).toBe(true);
      expect(await memory.delete(id)).toBe(false);
      expect(await memory.delete('no-such-memory')).toBe(false);
      expect((await memory.search('secret wish')).map(({ content }) => content)).toEqual(['another wish']);
    });

    promise('is not changed by what happens to metadata outside', async (memory) => {
      const metadata = { tags: ['a'] };
      await memory.add('mutable things', { metadata });
      metadata.tags.push('b');
      const [found] = await memory.search('mutable');
      (found?.metadata['tags'] as string[]).push('c');
      expect((await memory.search('mutable'))[0]?.metadata).toEqual({ tags: ['a'] });
    });

    promise('keeps any text as it is, and words that mean something to JavaScript are words', async (memory) => {
      const contents = ['constructor __proto__ toString', 'caf\u00e9 \u{1f980} \u2028 "quoted" \\ end', 'line one\nline two', 'hasOwnProperty'];
      for (const content of contents) await memory.add(content);
      for (const [query, content] of [['constructor', contents[0]], ['caf\u00e9', contents[1]], ['two', contents[2]], ['hasOwnProperty', contents[3]]] as const) {
        expect((await memory.search(query))[0]?.content).toBe(content);
      }
    });

    promise('refuses blank contents, metadata that is no JSON, and limits that make no sense', async (memory) => {
      await expect(memory.add(' \n')).rejects.toBeInstanceOf(InvalidInputError);
      await expect(memory.add('x', { metadata: { at: new Date(0) } as unknown as JsonObject })).rejects.toBeInstanceOf(InvalidInputError);
      for (const limit of [0, -1, 1.5, Number.NaN]) await expect(memory.search('x', { limit })).rejects.toBeInstanceOf(InvalidInputError);
      for (const minScore of [-0.1, 1.1, Number.NaN]) await expect(memory.search('x', { minScore })).rejects.toBeInstanceOf(InvalidInputError);
      expect(await memory.search('x')).toEqual([]);
    });

    promise('can be closed twice and is not used after', async (memory) => {
      await memory.add('x');
      await memory.close();
      await memory.close();
      await expect(memory.search('x')).rejects.toBeInstanceOf(MemoryClosedError);
      await expect(memory.add('x')).rejects.toBeInstanceOf(MemoryClosedError);
      await expect(memory.delete('x')).rejects.toBeInstanceOf(MemoryClosedError);
    });
  });
}
