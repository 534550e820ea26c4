export type { InvalidToolCall, ModelChunk, ModelFinishReason, ModelMessage, ModelProvider, ModelRequest, ModelTool, ModelToolCall, ModelUsage } from './model-provider.ts';
export { createModelProvider, registerModelProvider, registeredModelProviders, type ModelProviderFactory } from './create-model-provider.ts';
export { ModelProviderOptions, type ModelProviderDeps, type ModelProviderSettings } from './provider-options.ts';
export { createEmbedder, registerEmbedder, type EmbedderFactory } from './create-embedder.ts';
export { EmbedderOptions, type EmbedderDeps, type EmbedderSettings } from './embedder-options.ts';
export type { EmbeddingUsage, EmbedOptions, TextEmbedder } from './text-embedder.ts';
export { priceTable, type ModelPrice, type PriceTable } from './price-table.ts';
export { pricesAsOf } from './known-prices.ts';
export {
  ModelAbortedError,
  ModelAnswerInvalidError,
  ModelError,
  ModelExecutionError,
  ModelProviderMissingError,
  ModelProviderUnknownError,
  ModelRateLimitedError,
  ModelRequestRefusedError,
  ModelScriptNoRuleError,
  ModelScriptUnreadableError,
  ModelSettingMissingError,
  ModelStreamBrokenError,
  ModelTimeoutError,
  ModelUnauthorizedError,
  ModelUnavailableError,
} from './errors.ts';
/** The names of the seed for a provider's failures. */
export {
  ModelError as CortexProviderError,
  ModelExecutionError as ProviderExecutionError,
  ModelTimeoutError as ProviderTimeoutError,
  ModelUnavailableError as ProviderConnectionError,
} from './errors.ts';
