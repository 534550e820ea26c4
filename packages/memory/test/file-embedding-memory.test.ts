import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';

import { FileEmbeddingMemoryProvider, FileMemoryProvider, type Embedder } from '../src/index.ts';
import { nodeRootedFolder } from '../src/node/index.ts';
import { describeMemoryProviderContract } from '../src/testing/index.ts';
import { wordEmbedder } from './word-embedder.ts';

const clock = systemClock;
const createId = idGenerator({ clock, random: systemRandom });

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'cortex-memory-'));
  onTestFinished(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

const open = async (root: string, embedder: Embedder) => new FileEmbeddingMemoryProvider({ folder: await nodeRootedFolder(root), embedder, createId, clock });
const openLexical = async (root: string) => new FileMemoryProvider({ folder: await nodeRootedFolder(root), createId, clock });

describeMemoryProviderContract('FileEmbeddingMemoryProvider', async () => open(await folder(), wordEmbedder()));

/** Vector files below a root, by name. */
async function vectorFiles(root: string): Promise<string[]> {
  const names = await readdir(join(root, '_vectors'), { recursive: true });
  return names.filter((name) => name.endsWith('.f32')).sort().map((name) => join(root, '_vectors', name));
}

describe('FileEmbeddingMemoryProvider', () => {
  it('finds by meaning after it was opened again, and asks only for the query', async () => {
    const root = await folder();
    const embedder = wordEmbedder();
    const first = await open(root, embedder);
    await first.add('red car', { metadata: { run_id: 'run-1' } });
    await first.add('red apple');
    const again = await open(root, embedder);
    embedder.calls.length = 0;
    expect(await again.search('automobile')).toMatchObject([{ content: 'red car', metadata: { run_id: 'run-1' } }]);
    expect(embedder.calls).toEqual([['automobile']]);
  });

  it('keeps a memory also when the embedding model can not be reached, and finds it when it can', async () => {
    const root = await folder();
    const embedder = wordEmbedder();
    let isDown = true;
    const memory = await open(root, { modelId: embedder.modelId, embed: (texts) => (isDown ? Promise.reject(new Error('down')) : embedder.embed(texts)) });
    await memory.add('red car');
    await memory.add('blue car');
    await expect(memory.search('car')).rejects.toThrow('down');
    isDown = false;
    expect(await memory.search('car')).toHaveLength(2);
    expect(embedder.calls.map((texts) => texts.toSorted())).toEqual([['car'], ['blue car', 'red car']]);
  });

  it('finds what a lexical memory of the same collection kept, and the other way round', async () => {
    const root = await folder();
    const lexical = await openLexical(root);
    for (const content of ['red car', 'green tea']) await lexical.add(content);
    const memory = await open(root, wordEmbedder());
    expect(await memory.search('automobile')).toMatchObject([{ content: 'red car' }]);
    const id = await memory.add('black tea');
    expect((await lexical.search('black'))[0]?.memoryId).toBe(id);
    expect(await lexical.delete(id)).toBe(true);
    expect((await memory.search('tea')).map(({ content }) => content)).toEqual(['green tea']);
  });

  it('has vectors of its own for each model', async () => {
    const root = await folder();
    const [one, other] = [wordEmbedder('one'), wordEmbedder('other', 50)];
    await (await open(root, one)).add('red car');
    expect(await (await open(root, other)).search('car')).toHaveLength(1);
    expect(await (await open(root, one)).search('car')).toHaveLength(1);
    expect(await vectorFiles(root)).toHaveLength(2);
  });

  it('makes a vector anew that is damaged, or of other dimensions than the model gives now', async () => {
    const root = await folder();
    await (await open(root, wordEmbedder('words', 30))).add('red car');
    expect(await (await open(root, wordEmbedder('words', 60))).search('red car')).toHaveLength(1);
    const [file = ''] = await vectorFiles(root);
    expect((await readFile(file)).length).toBe(60 * 4);
    await writeFile(file, 'torn');
    const memory = await open(root, wordEmbedder('words', 60));
    expect((await memory.search('red car'))[0]?.score).toBeCloseTo(1, 5);
  });

  it('pays once for memories without vectors when several search at once', async () => {
    const root = await folder();
    await (await openLexical(root)).add('red car');
    const embedder = wordEmbedder();
    const memory = await open(root, embedder);
    const found = await Promise.all(['red', 'car', 'red car'].map((query) => memory.search(query)));
    expect(found.map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(embedder.calls.filter((texts) => texts.length === 1 && texts[0] === 'red car')).toHaveLength(2); // the memory, and a query
  });

  it('leaves no vector of what was deleted', async () => {
    const root = await folder();
    const memory = await open(root, wordEmbedder());
    const id = await memory.add('a secret wish');
    expect(await memory.delete(id)).toBe(true);
    expect(await vectorFiles(root)).toEqual([]);
  });
});
