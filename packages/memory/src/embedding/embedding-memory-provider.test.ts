import { createServer } from 'node:http';

import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';

import { splitWords } from '../split-words.ts';
import { describeMemoryProviderContract } from '../testing/index.ts';
import { aiSdkEmbedder, type Embedder } from './embedder.ts';
import { EmbeddingMemoryProvider } from './embedding-memory-provider.ts';

const clock = systemClock;
const createId = idGenerator({ clock, random: systemRandom });

/** Words that mean the same count as the same. */
const meanings: Record<string, string> = { car: 'vehicle', automobile: 'vehicle' };

/** A dimension for each meaning of a word: texts that share words point in similar directions. */
function wordEmbedder(): Embedder {
  const dimensions = new Map<string, number>();
  const dimensionOf = (word: string) => {
    const meaning = Object.hasOwn(meanings, word) ? (meanings[word] as string) : word;
    if (!dimensions.has(meaning)) dimensions.set(meaning, dimensions.size);
    return dimensions.get(meaning) as number;
  };
  return {
    modelId: 'words',
    async embed(texts) {
      return texts.map((text) => {
        const vector = new Array<number>(200).fill(0);
        for (const word of splitWords(text)) vector[dimensionOf(word)] = (vector[dimensionOf(word)] ?? 0) + 1;
        return vector;
      });
    },
  };
}

const open = (embedder = wordEmbedder(), maxMemories?: number) => new EmbeddingMemoryProvider({ embedder, createId, clock }, maxMemories === undefined ? {} : { maxMemories });

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

describe('aiSdkEmbedder', () => {
  it('asks an embedding model of the AI SDK over HTTP, in parts it can take', async () => {
    const calls: string[][] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        const { input } = JSON.parse(body) as { input: string[] };
        calls.push(input);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ object: 'list', model: 'm', data: input.map((text, index) => ({ object: 'embedding', index, embedding: [text.length, 1] })), usage: { prompt_tokens: 1, total_tokens: 1 } }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const model = createOpenAICompatible({ name: 'local', baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'k' }).embeddingModel('m');
    const embedder = aiSdkEmbedder({ provider: model.provider, modelId: model.modelId, maxEmbeddingsPerCall: 2, doEmbed: (call) => model.doEmbed(call) });
    expect(await embedder.embed(['a', 'bb', 'ccc'])).toEqual([[1, 1], [2, 1], [3, 1]]);
    expect(calls).toEqual([['a', 'bb'], ['ccc']]);
    expect(aiSdkEmbedder(model).modelId).toBe('local.embedding:m');
  });
});
