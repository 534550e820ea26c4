export { MemoryClosedError } from './errors.ts';
export { InMemoryMemoryOptions, InMemoryMemoryProvider } from './in-memory-memory-provider.ts';
export type { MemoryProvider, MemoryResult } from './memory-provider.ts';
