import { assertJsonValue, InvalidInputError, type Clock, type IdGenerator, type JsonObject } from '@cortex-runtime/core';

/** A memory that a search found. */
export interface MemoryResult {
  memoryId: string;
  content: string;
  /** Relevance, above 0 and at most 1. */
  score: number;
  metadata: JsonObject;
  /** When it was added: milliseconds since the Unix epoch; absent where the provider does not know. */
  createdAt?: number;
}

/** Long-term memory by relevance. */
export interface MemoryProvider {
  /**
   * @returns the id of the new memory
   * @throws InvalidInputError when the content is blank or the metadata is no JSON
   */
  add(content: string, options?: { metadata?: JsonObject }): Promise<string>;
  /**
   * At most `limit` memories (5 when left out) of at least `minScore`, most relevant first; none for a blank query.
   *
   * @throws InvalidInputError when `limit` is below 1 or `minScore` is not between 0 and 1
   */
  search(query: string, options?: { limit?: number; minScore?: number }): Promise<MemoryResult[]>;
  /** @returns whether it was there */
  delete(memoryId: string): Promise<boolean>;
  /** Lets everything go. Safe to call twice; every other method then rejects with MemoryClosedError. */
  close(): Promise<void>;
}

/** A memory as providers keep it. */
export interface Memory {
  memoryId: string;
  content: string;
  metadata: JsonObject;
  createdAt: number;
}

/** @throws InvalidInputError when the content is blank or the metadata is no JSON */
export function newMemory(deps: { createId: IdGenerator; clock: Clock }, content: string, metadata: JsonObject = {}): Memory {
  if (content.trim() === '') throw new InvalidInputError('content', 'is blank; there is nothing to remember');
  assertJsonValue(metadata, 'metadata');
  return { memoryId: deps.createId(), content, metadata: structuredClone(metadata), createdAt: deps.clock.now() };
}

export function toResult(memory: Memory, score: number): MemoryResult {
  return { ...memory, score, metadata: structuredClone(memory.metadata) };
}
