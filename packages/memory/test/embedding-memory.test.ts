import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe, expect, it } from 'vitest';

import { EmbeddingMemoryProvider, type Embedder } from '../src/index.ts';
import { describeMemoryProviderContract } from '../src/testing/index.ts';
import { wordEmbedder } from './word-embedder.ts';

const clock = systemClock;
const createId = idGenerator({ clock, random: systemRandom });

const open = (embedder: Embedder = wordEmbedder(), maxMemories?: number) => new EmbeddingMemoryProvider({ embedder, createId, clock }, maxMemories === undefined ? {} : { maxMemories });

describeMemoryProviderContract('EmbeddingMemoryProvider', async () => open());

describe('EmbeddingMemoryProvider', () => {
  it('finds by meaning what shares no word', async () => {
    const memory = open();
    await memory.add('red car');
    await memory.add('red apple');
    expect((await memory.search('automobile')).map(({ content }) => content)).toEqual(['red car']);
  });

  it('lets the oldest go beyond its bound', async () => {
    const memory = open(undefined, 2);
    for (const content of ['thing one', 'thing two', 'thing three']) await memory.add(content);
    expect((await memory.search('thing')).map(({ content }) => content).toSorted()).toEqual(['thing three', 'thing two']);
  });

  it('refuses vectors that can not be compared', async () => {
    let length = 3;
    const memory = open({ modelId: 'odd', embed: async () => [new Array<number>(length).fill(1)] });
    await memory.add('x');
    length = 4;
    await expect(memory.search('x')).rejects.toThrow(/3 and 4|4 and 3/);
    await expect(open({ modelId: 'none', embed: async () => [] }).add('x')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(open({ modelId: 'nan', embed: async () => [[Number.NaN]] }).add('x')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});
