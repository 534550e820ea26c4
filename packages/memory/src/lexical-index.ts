import MiniSearch, { type SearchResult } from 'minisearch';

import { splitWords } from './split-words.ts';

/** What a word counts that was found only as the beginning of another, or misspelt. */
const inexactMatch = 0.6;

/**
 * Texts by relevance: lexical and deterministic, in this process.
 *
 * The score is the share of the query that a text answers: each word of the query weighs more the rarer it is among the texts (inverse document
 * frequency), an inexact match counts less, and up to a fifth is taken off by BM25 compared with the best text found. 1 is reached by a text that holds
 * every word of the query.
 */
export class LexicalIndex {
  readonly #maxQueryWords: number;
  readonly #texts = new Map<string, string>();
  readonly #textsByWord = new Map<string, number>();
  readonly #index = new MiniSearch<{ id: string; text: string }>({ fields: ['text'], tokenize: splitWords, processTerm: (word) => word, autoVacuum: false });

  /** @param options.maxQueryWords - different words of a query that are looked for; the rest of a long query is ignored. Default 64 */
  constructor(options: { maxQueryWords?: number } = {}) {
    this.#maxQueryWords = options.maxQueryWords ?? 64;
  }

  get size(): number {
    return this.#texts.size;
  }

  /** Adds a text, or replaces the one with this id. */
  set(id: string, text: string): void {
    this.delete(id);
    this.#texts.set(id, text);
    this.#index.add({ id, text });
    this.#count(text, 1);
  }

  /** @returns whether it was there */
  delete(id: string): boolean {
    const text = this.#texts.get(id);
    if (text === undefined) return false;
    this.#texts.delete(id);
    this.#index.remove({ id, text });
    this.#count(text, -1);
    return true;
  }

  clear(): void {
    this.#texts.clear();
    this.#textsByWord.clear();
    this.#index.removeAll();
  }

  /** Everything that answers some of the query, most relevant first, with scores above 0 and at most 1. */
  search(query: string): { id: string; score: number }[] {
    const words = [...new Set(splitWords(query))].slice(0, this.#maxQueryWords);
    const found = this.#index.search(words.join(' '), {
      prefix: (word) => word.length >= 4,
      fuzzy: (word) => (word.length >= 5 ? 0.2 : false),
      maxFuzzy: 2,
      combineWith: 'OR',
    });
    const best = found[0]?.score ?? 1;
    const weights = new Map(words.map((word) => [word, this.#weightOf(word)]));
    return found
      .map((result) => ({ id: String(result.id), score: Math.min(1, share(result, weights) * (0.8 + (0.2 * result.score) / best)) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score);
  }

  #count(text: string, step: 1 | -1): void {
    for (const word of new Set(splitWords(text))) {
      const count = (this.#textsByWord.get(word) ?? 0) + step;
      if (count === 0) this.#textsByWord.delete(word);
      else this.#textsByWord.set(word, count);
    }
  }

  /** Rare words say more about what is meant; a word that no text has says that the query is about something else, too. */
  #weightOf(word: string): number {
    const total = this.#texts.size;
    const having = this.#textsByWord.get(word);
    const weight = (count: number) => Math.log(1 + (total - count + 0.5) / (count + 0.5));
    return having === undefined ? weight(1) / 2 : weight(having);
  }
}

/** The share, by weight, of the query's words that a text answers. */
function share({ queryTerms, terms }: SearchResult, weights: ReadonlyMap<string, number>): number {
  const exact = new Set(terms);
  let matched = 0;
  for (const word of new Set(queryTerms)) matched += (weights.get(word) ?? 0) * (exact.has(word) ? 1 : inexactMatch);
  let total = 0;
  for (const weight of weights.values()) total += weight;
  return total === 0 ? 0 : matched / total;
}
