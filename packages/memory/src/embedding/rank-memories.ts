import { toResult, type Memory, type MemoryResult } from '../memory-provider.ts';
import { dotProduct } from './unit-vector.ts';

/** A memory and its vector, of length 1. */
export interface EmbeddedMemory {
  memory: Memory;
  vector: Float32Array;
}

/** The memories that point where `wanted` points, nearest first; what points away is not found. */
export function rankMemories(memories: Iterable<EmbeddedMemory>, wanted: Float32Array, { limit, minScore }: { limit: number; minScore: number }): MemoryResult[] {
  return [...memories]
    .map(({ memory, vector }) => ({ memory, score: Math.min(1, dotProduct(wanted, vector)) }))
    .filter(({ score }) => score > 0 && score >= minScore)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ memory, score }) => toResult(memory, score));
}
