import type { JsonObject } from '@cortex-runtime/core';

import { isRecord, records, type FakeModelFault } from './fake-model-call.ts';

/** A request for embeddings that the server got. */
export interface FakeEmbeddingCall {
  /** Counted from 1, apart from calls of language models. */
  number: number;
  protocol: 'openai-embeddings' | 'gemini-embeddings';
  path: string;
  model: string;
  texts: readonly string[];
  headers: Readonly<Record<string, string | undefined>>;
  /** As it came. */
  body: JsonObject;
}

/** What the server answers to a request for embeddings. */
export interface FakeEmbeddingReply {
  /** One for each text; `wordVector` of them when left out. */
  vectors?: readonly (readonly number[])[];
  /** One for each word when left out; `null` reports none, as some servers do. Gemini never reports any. */
  inputTokens?: number | null;
  fault?: FakeModelFault;
  /** Milliseconds before the answer begins. */
  delayMs?: number;
}

/** How one provider speaks about embeddings. */
export interface EmbeddingProtocol {
  readonly name: FakeEmbeddingCall['protocol'];
  matches(path: string): boolean;
  read(body: JsonObject, path: string): { model: string; texts: string[] };
  answer(vectors: readonly (readonly number[])[], model: string, inputTokens: number | null): object;
}

/** @see https://platform.openai.com/docs/api-reference/embeddings */
export const openAiEmbeddings: EmbeddingProtocol = {
  name: 'openai-embeddings',
  matches: (path) => path.endsWith('/embeddings'),
  read: ({ model, input }) => ({ model: String(model), texts: (Array.isArray(input) ? input : [input]).map(String) }),
  answer: (vectors, model, inputTokens) => ({
    object: 'list',
    model,
    data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    ...(inputTokens === null ? {} : { usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } }),
  }),
};

/** @see https://ai.google.dev/api/embeddings */
export const geminiEmbeddings: EmbeddingProtocol = {
  name: 'gemini-embeddings',
  matches: (path) => /:(batchEmbedContents|embedContent)$/.test(path),
  read(body, path) {
    const requests = Array.isArray(body['requests']) ? records(body['requests']) : [body];
    const texts = requests.map(({ content }) => (isRecord(content) ? records(content['parts']).map((part) => String(part['text'])).join('') : ''));
    return { model: /models\/([^:]+):/.exec(path)?.[1] ?? '', texts };
  },
  answer: (vectors) => (vectors.length === 1 ? { embedding: { values: vectors[0] } } : { embeddings: vectors.map((values) => ({ values })) }),
};

const dimensions = 512;

/** A vector in which each word of a text counts in a place of its own, as far as there are places: texts that share words point in similar directions. */
export function wordVector(text: string): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const word of wordsOf(text)) {
    let place = 7;
    for (const character of word) place = (place * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
    vector[place % dimensions] = (vector[place % dimensions] ?? 0) + 1;
  }
  return vector;
}

export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
