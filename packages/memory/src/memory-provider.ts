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

export interface AddMemoryOptions {
  metadata?: JsonObject;
  /** Id of the new memory; made when left out. When there is a memory of this id nothing is added, so that a call can be repeated. */
  memoryId?: string;
}

/** Long-term memory by relevance. */
export interface MemoryProvider {
  /**
   * @returns the id of the new memory
   * @throws InvalidInputError when the content is blank, the metadata is no JSON, or the id has other characters than letters, digits and hyphens, or more than 100
   */
  add(content: string, options?: AddMemoryOptions): Promise<string>;
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

/** @throws InvalidInputError as `MemoryProvider.add` does */
export function newMemory(deps: { createId: IdGenerator; clock: Clock }, content: string, { metadata = {}, memoryId = deps.createId() }: AddMemoryOptions = {}): Memory {
  if (content.trim() === '') throw new InvalidInputError('content', 'is blank; there is nothing to remember');
  if (!isMemoryId(memoryId)) throw new InvalidInputError('memoryId', `must be 1 to 100 letters, digits and hyphens, got ${JSON.stringify(memoryId)?.slice(0, 120)}`);
  assertJsonValue(metadata, 'metadata');
  return { memoryId, content, metadata: structuredClone(metadata), createdAt: deps.clock.now() };
}

/** Whether a text can be the id of a memory; such an id is one safe file name. */
export function isMemoryId(text: string): boolean {
  return typeof text === 'string' && /^[0-9A-Za-z-]{1,100}$/.test(text);
}

export function toResult(memory: Memory, score: number): MemoryResult {
  return { ...memory, score, metadata: structuredClone(memory.metadata) };
}
