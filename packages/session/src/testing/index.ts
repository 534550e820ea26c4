export { describeSessionStoreContract } from './session-store-contract.ts';
