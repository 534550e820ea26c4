export { describeMemoryProviderContract } from './memory-provider-contract.ts';
