export type { MemoryProvider, MemoryResult } from './memory-provider.ts';
