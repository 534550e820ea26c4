export { aiSdkModel, type AiSdkLanguageModel, type AiSdkModelTraits } from './ai-sdk-model.ts';
export { anthropicModel, googleModel, openAiCompatibleModel, openAiModel } from './hosted-models.ts';
export { aiSdkEmbedder, type AiSdkEmbedderTraits, type AiSdkEmbeddingModel } from './ai-sdk-embedder.ts';
export { googleEmbedder, openAiCompatibleEmbedder, openAiEmbedder } from './hosted-embedders.ts';
