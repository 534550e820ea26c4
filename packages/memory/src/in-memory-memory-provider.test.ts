import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InMemoryMemoryProvider, type InMemoryMemoryOptions } from './in-memory-memory-provider.ts';
import { splitWords } from './split-words.ts';
import { describeMemoryProviderContract } from './testing/index.ts';

let now = 1_700_000_000_000;
const clock = { ...systemClock, now: () => now };
const createId = idGenerator({ clock, random: systemRandom });
const open = (options?: InMemoryMemoryOptions) => new InMemoryMemoryProvider({ clock, createId }, options);

describeMemoryProviderContract('InMemoryMemoryProvider', async () => open());

describe('InMemoryMemoryProvider', () => {
  const contentsOf = async (memory: InMemoryMemoryProvider, query: string, options = {}) => (await memory.search(query, options)).map(({ content }) => content);

  it('scores 1 for a memory with every word of the query, and less for every word that is missing', async () => {
    const memory = open();
    await memory.add('the green house by the lake');
    await memory.add('a green car');
    const [house, car] = await memory.search('green house');
    expect(house?.score).toBe(1);
    expect(car?.score).toBeLessThan(0.8);
    expect((await memory.search('green house with a submarine'))[0]?.score).toBeLessThan(1);
  });

  it('takes rare words for more telling than common ones', async () => {
    const memory = open();
    for (let index = 0; index < 20; index += 1) await memory.add(`order ${index} was shipped`);
    await memory.add('the zeppelin has landed');
    expect((await contentsOf(memory, 'was the zeppelin order shipped'))[0]).toBe('the zeppelin has landed');
  });

  it('finds words that go on, and words with a slip', async () => {
    const memory = open();
    await memory.add('Anna likes gardening');
    expect(await contentsOf(memory, 'garden')).toEqual(['Anna likes gardening']);
    expect(await contentsOf(memory, 'gardning')).toEqual(['Anna likes gardening']);
    expect(await contentsOf(memory, 'hardware')).toEqual([]);
  });

  it('finds words in any case and script', async () => {
    const memory = open();
    const contents = ['\u6211\u4eec\u660e\u5929\u53bb\u5317\u4eac', '\u0421\u044a\u0435\u0448\u044c \u0435\u0449\u0451', '\u0e09\u0e31\u0e19\u0e0a\u0e2d\u0e1a\u0e01\u0e34\u0e19\u0e02\u0e49\u0e32\u0e27', 'STRASSE \u2460'];
    for (const content of contents) await memory.add(content);
    expect(await contentsOf(memory, '\u5317\u4eac')).toEqual([contents[0]]);
    expect(await contentsOf(memory, '\u0415\u0429\u0401')).toEqual([contents[1]]);
    expect(await contentsOf(memory, '\u0e02\u0e49\u0e32\u0e27')).toEqual([contents[2]]);
    expect(await contentsOf(memory, 'strasse 1')).toEqual([contents[3]]);
  });

  it('lets the oldest go beyond its bound, and its words with it', async () => {
    const memory = open({ maxMemories: 2 });
    for (const content of ['first thing', 'second thing', 'third thing']) await memory.add(content);
    expect(await contentsOf(memory, 'thing')).toHaveLength(2);
    expect(await contentsOf(memory, 'first')).toEqual([]);
  });

  it('looks for the first words only of a query without end', async () => {
    const memory = open({ maxQueryWords: 2 });
    await memory.add('needle');
    expect(await contentsOf(memory, 'hay stack needle')).toEqual([]);
    expect(await contentsOf(memory, 'hay hay needle')).toEqual(['needle']);
    expect(await contentsOf(open(), 'x '.repeat(1_000_000))).toEqual([]);
  });

  it('knows when a memory was added', async () => {
    const memory = open();
    now += 5;
    await memory.add('moment');
    expect((await memory.search('moment'))[0]?.createdAt).toBe(now);
  });

  it('finds the same after adding and deleting as in a memory that never had the rest', async () => {
    const content = fc.array(fc.constantFrom('red', 'green', 'blue', 'apple', 'car', 'house'), { minLength: 1, maxLength: 6 }).map((words) => words.join(' '));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(content, fc.boolean()), { maxLength: 15 }), content, async (steps, query) => {
        const [worn, fresh] = [open(), open()];
        for (const [text, isKept] of steps) {
          const id = await worn.add(text);
          if (isKept) await fresh.add(text);
          else await worn.delete(id);
        }
        const found = async (memory: InMemoryMemoryProvider) => (await memory.search(query, { limit: 100 })).map(({ content: text, score }) => `${score.toFixed(9)} ${text}`).toSorted();
        expect(await found(worn)).toEqual(await found(fresh));
        for (const { score } of await worn.search(query, { limit: 100 })) expect(score > 0 && score <= 1).toBe(true);
      }),
    );
  });
});

describe('splitWords', () => {
  it('gives lower-case words without punctuation', () => {
    expect(splitWords('Hello, WORLD! 3.5 caf\u00e9\n')).toEqual(['hello', 'world', '3', '5', 'caf\u00e9']);
    expect(splitWords(' -- ')).toEqual([]);
  });
});
