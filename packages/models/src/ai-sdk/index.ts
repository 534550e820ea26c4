export { aiSdkModel, type AiSdkLanguageModel, type AiSdkModelTraits } from './ai-sdk-model.ts';
export { anthropicModel, googleModel, openAiCompatibleModel, openAiModel } from './hosted-models.ts';
