import type { JsonObject } from '@cortex-runtime/core';

/** A memory that a search found. */
export interface MemoryResult {
  memoryId: string;
  content: string;
  /** Relevance from 0 to 1. */
  score: number;
  metadata: JsonObject;
}

/** Long-term memory by relevance. */
export interface MemoryProvider {
  /** @returns the id of the new memory */
  add(content: string, options?: { metadata?: JsonObject }): Promise<string>;
  /** At most `limit` memories of at least `minScore`, most relevant first. */
  search(query: string, options?: { limit?: number; minScore?: number }): Promise<MemoryResult[]>;
  /** @returns whether it was there */
  delete(memoryId: string): Promise<boolean>;
  close(): Promise<void>;
}
