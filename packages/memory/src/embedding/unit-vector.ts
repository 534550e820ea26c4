import { InvalidInputError } from '@cortex-runtime/core';

import type { Embedder } from './embedder.ts';

/** Vectors of texts, each of length 1: their dot product is the cosine of the angle between them. @throws InvalidInputError when the embedder gives none */
export async function embedUnits(embedder: Embedder, texts: readonly string[]): Promise<Float32Array[]> {
  const vectors = texts.length === 0 ? [] : await embedder.embed(texts);
  return texts.map((_, index) => {
    const vector = vectors[index];
    const length = Math.hypot(...(vector ?? []));
    if (vector === undefined || !Number.isFinite(length)) throw new InvalidInputError('embedding', `${embedder.modelId} gave no vector of finite numbers`);
    return Float32Array.from(vector, (each) => (length === 0 ? 0 : each / length));
  });
}

/** @throws InvalidInputError when they are not of one length */
export function dotProduct(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new InvalidInputError('embedding', `vectors of ${a.length} and ${b.length} numbers can not be compared; one memory needs one embedding model`);
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
