export type { PostgresPool } from './postgres-pool.ts';
export { PostgresMemoryStore, PostgresMemoryStoreOptions } from './postgres-memory-store.ts';
export { PostgresMemoryProvider, PostgresMemoryProviderOptions } from './postgres-memory-provider.ts';
export { PostgresProposalStore, PostgresProposalStoreOptions } from './postgres-proposal-store.ts';
