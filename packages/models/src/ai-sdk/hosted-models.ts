import type { ModelProviderFactory } from '../create-model-provider.ts';
import { aiSdkModel } from './ai-sdk-model.ts';
import { optionalPeer } from './optional-peer.ts';
import { baseUrlOption, compatibleEndpoint, requireKey } from './provider-settings.ts';

/** `openai:…` over the Responses protocol. Nothing is stored at the provider: the journal is the memory. */
export const openAiModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['OPENAI_API_KEY']);
  const baseURL = baseUrlOption(deps, settings, modelId, 'OPENAI_BASE_URL');
  const { createOpenAI } = await optionalPeer(modelId, '@ai-sdk/openai', () => import('@ai-sdk/openai'));
  const provider = createOpenAI({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...baseURL });
  return aiSdkModel(deps, provider.responses(name), { modelId, secrets: [apiKey], providerOptions: { openai: { store: false } } }, settings);
};

/** `anthropic:…` over the Messages protocol. */
export const anthropicModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['ANTHROPIC_API_KEY']);
  const baseURL = baseUrlOption(deps, settings, modelId, 'ANTHROPIC_BASE_URL');
  const { createAnthropic } = await optionalPeer(modelId, '@ai-sdk/anthropic', () => import('@ai-sdk/anthropic'));
  const provider = createAnthropic({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...baseURL });
  return aiSdkModel(deps, provider(name), { modelId, secrets: [apiKey] }, settings);
};

/** `google:…` over the Gemini API. */
export const googleModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY']);
  const baseURL = baseUrlOption(deps, settings, modelId, 'GOOGLE_GENERATIVE_AI_BASE_URL');
  const { createGoogleGenerativeAI } = await optionalPeer(modelId, '@ai-sdk/google', () => import('@ai-sdk/google'));
  const provider = createGoogleGenerativeAI({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...baseURL });
  return aiSdkModel(deps, provider(name), { modelId, secrets: [apiKey], returnsToolCallMetadata: true }, settings);
};

/** `openai-compatible:…` over the Chat Completions protocol: vLLM, Ollama, gateways. */
export const openAiCompatibleModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const { baseURL, apiKey } = compatibleEndpoint(deps, settings, modelId);
  const { createOpenAICompatible } = await optionalPeer(modelId, '@ai-sdk/openai-compatible', () => import('@ai-sdk/openai-compatible'));
  const provider = createOpenAICompatible({ name: 'openaiCompatible', baseURL, includeUsage: true, fetch: deps.net.fetch.bind(deps.net), ...(apiKey === undefined ? {} : { apiKey }) });
  return aiSdkModel(deps, provider.chatModel(name), { modelId, secrets: apiKey === undefined ? [] : [apiKey] }, settings);
};
