import { assertJsonValue, InvalidInputError, type Clock, type IdGenerator, type JsonObject } from '@cortex-runtime/core';
import MiniSearch, { type SearchResult } from 'minisearch';
import { z } from 'zod';

import { MemoryClosedError } from './errors.ts';
import type { MemoryProvider, MemoryResult } from './memory-provider.ts';
import { splitWords } from './split-words.ts';

/** How much is kept in memory. */
export const InMemoryMemoryOptions = z.strictObject({
  /** Memories kept; beyond it the oldest goes. */
  maxMemories: z.int().min(1).default(10_000),
  /** Different words of a query that are looked for; the rest of a long query is ignored. */
  maxQueryWords: z.int().min(1).default(64),
});
export type InMemoryMemoryOptions = z.input<typeof InMemoryMemoryOptions>;

interface Memory {
  id: string;
  content: string;
  metadata: JsonObject;
  createdAt: number;
}

/** What a word counts that was found only as the beginning of another, or misspelt. */
const inexactMatch = 0.6;

/**
 * Long-term memory in this process: lexical, deterministic, gone when the process ends.
 *
 * The score is the share of the query that a memory answers: each word of the query weighs more the rarer it is among the memories (inverse document
 * frequency), an inexact match counts less, and up to a fifth is taken off by BM25 compared with the best memory found. 1 is reached by a memory that holds
 * every word of the query.
 */
export class InMemoryMemoryProvider implements MemoryProvider {
  readonly #deps: { createId: IdGenerator; clock: Clock };
  readonly #settings: z.output<typeof InMemoryMemoryOptions>;
  /** Oldest first. */
  readonly #memories = new Map<string, Memory>();
  readonly #memoriesByWord = new Map<string, number>();
  readonly #index = new MiniSearch<Memory>({ fields: ['content'], tokenize: splitWords, processTerm: (word) => word, autoVacuum: false });
  #isClosed = false;

  constructor(deps: { createId: IdGenerator; clock: Clock }, options: InMemoryMemoryOptions = {}) {
    this.#deps = deps;
    this.#settings = InMemoryMemoryOptions.parse(options);
  }

  async add(content: string, options: { metadata?: JsonObject } = {}): Promise<string> {
    this.#assertOpen();
    if (content.trim() === '') throw new InvalidInputError('content', 'is blank; there is nothing to remember');
    const metadata = options.metadata ?? {};
    assertJsonValue(metadata, 'metadata');
    const memory = { id: this.#deps.createId(), content, metadata: structuredClone(metadata), createdAt: this.#deps.clock.now() };
    this.#memories.set(memory.id, memory);
    this.#index.add(memory);
    this.#count(memory, 1);
    for (const oldest of this.#memories.values()) {
      if (this.#memories.size <= this.#settings.maxMemories) break;
      this.#forget(oldest);
    }
    return memory.id;
  }

  async search(query: string, { limit = 5, minScore = 0 }: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    this.#assertOpen();
    if (!Number.isInteger(limit) || limit < 1) throw new InvalidInputError('limit', `must be a whole number of at least 1, got ${limit}`);
    if (!(minScore >= 0 && minScore <= 1)) throw new InvalidInputError('minScore', `must be between 0 and 1, got ${minScore}`);
    const words = [...new Set(splitWords(query))].slice(0, this.#settings.maxQueryWords);
    const found = this.#index.search(words.join(' '), {
      prefix: (word) => word.length >= 4,
      fuzzy: (word) => (word.length >= 5 ? 0.2 : false),
      maxFuzzy: 2,
      combineWith: 'OR',
    });
    const best = found[0]?.score ?? 1;
    const weights = new Map(words.map((word) => [word, this.#weightOf(word)]));
    return found
      .map((result) => ({ memory: this.#memories.get(String(result.id)), score: share(result, weights) * (0.8 + (0.2 * result.score) / best) }))
      .filter(({ score }) => score > 0 && score >= minScore)
      .sort((a, b) => b.score - a.score)
      .slice(0, limit)
      .flatMap(({ memory, score }) => (memory === undefined ? [] : [toResult(memory, Math.min(1, score))]));
  }

  async delete(memoryId: string): Promise<boolean> {
    this.#assertOpen();
    const memory = this.#memories.get(memoryId);
    if (memory !== undefined) this.#forget(memory);
    return memory !== undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#memories.clear();
    this.#memoriesByWord.clear();
    this.#index.removeAll();
  }

  #forget(memory: Memory): void {
    this.#memories.delete(memory.id);
    this.#index.remove(memory);
    this.#count(memory, -1);
  }

  #count(memory: Memory, step: 1 | -1): void {
    for (const word of new Set(splitWords(memory.content))) {
      const count = (this.#memoriesByWord.get(word) ?? 0) + step;
      if (count === 0) this.#memoriesByWord.delete(word);
      else this.#memoriesByWord.set(word, count);
    }
  }

  /** Rare words say more about what is meant; a word that no memory has says that the query is about something else, too. */
  #weightOf(word: string): number {
    const total = this.#memories.size;
    const having = this.#memoriesByWord.get(word);
    const weight = (count: number) => Math.log(1 + (total - count + 0.5) / (count + 0.5));
    return having === undefined ? weight(1) / 2 : weight(having);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}

/** The share, by weight, of the query's words that a memory answers. */
function share({ queryTerms, terms }: SearchResult, weights: ReadonlyMap<string, number>): number {
  const exact = new Set(terms);
  let matched = 0;
  for (const word of new Set(queryTerms)) matched += (weights.get(word) ?? 0) * (exact.has(word) ? 1 : inexactMatch);
  let total = 0;
  for (const weight of weights.values()) total += weight;
  return total === 0 ? 0 : matched / total;
}

function toResult({ id, content, metadata, createdAt }: Memory, score: number): MemoryResult {
  return { memoryId: id, content, score, metadata: structuredClone(metadata), createdAt };
}
