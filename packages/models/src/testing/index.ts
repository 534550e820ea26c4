export { describeModelProviderContract, type ModelProviderFixture } from './model-provider-contract.ts';
export { collectAnswer, type CollectedAnswer } from './collect-answer.ts';
