export { describeMemoryProviderContract } from './memory-provider-contract.ts';
export { describeMemoryStoreContract } from './memory-store-contract.ts';
