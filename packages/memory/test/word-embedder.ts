import { splitWords, type Embedder } from '../src/index.ts';

/** Words that mean the same count as the same. */
const meanings: Record<string, string> = { car: 'vehicle', automobile: 'vehicle' };

/** A dimension for each meaning of a word: texts that share words point in similar directions. `calls` are the texts of each call. */
export function wordEmbedder(modelId = 'words', length = 200): Embedder & { calls: (readonly string[])[] } {
  const dimensions = new Map<string, number>();
  const calls: (readonly string[])[] = [];
  const dimensionOf = (word: string) => {
    const meaning = Object.hasOwn(meanings, word) ? (meanings[word] as string) : word;
    if (!dimensions.has(meaning)) dimensions.set(meaning, dimensions.size);
    return (dimensions.get(meaning) as number) % length;
  };
  return {
    modelId,
    calls,
    async embed(texts) {
      calls.push(texts);
      return texts.map((text) => {
        const vector = new Array<number>(length).fill(0);
        for (const word of splitWords(text)) vector[dimensionOf(word)] = (vector[dimensionOf(word)] ?? 0) + 1;
        return vector;
      });
    },
  };
}
