import type { EmbedderFactory } from '../create-embedder.ts';
import { aiSdkEmbedder } from './ai-sdk-embedder.ts';
import { optionalPeer } from './optional-peer.ts';
import { baseUrlOption, compatibleEndpoint, requireKey } from './provider-settings.ts';

/** `openai:text-embedding-3-small`. */
export const openAiEmbedder: EmbedderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['OPENAI_API_KEY']);
  const baseURL = baseUrlOption(deps, settings, modelId, 'OPENAI_BASE_URL');
  const { createOpenAI } = await optionalPeer(modelId, '@ai-sdk/openai', () => import('@ai-sdk/openai'));
  const provider = createOpenAI({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...baseURL });
  const providerOptions = settings.dimensions === undefined ? {} : { openai: { dimensions: settings.dimensions } };
  return aiSdkEmbedder(deps, provider.embedding(name), { modelId, secrets: [apiKey], providerOptions }, settings);
};

/** `google:gemini-embedding-001`. Google reports no tokens: they are estimated. */
export const googleEmbedder: EmbedderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY']);
  const baseURL = baseUrlOption(deps, settings, modelId, 'GOOGLE_GENERATIVE_AI_BASE_URL');
  const { createGoogleGenerativeAI } = await optionalPeer(modelId, '@ai-sdk/google', () => import('@ai-sdk/google'));
  const provider = createGoogleGenerativeAI({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...baseURL });
  const providerOptions = settings.dimensions === undefined ? {} : { google: { outputDimensionality: settings.dimensions } };
  return aiSdkEmbedder(deps, provider.embedding(name), { modelId, secrets: [apiKey], providerOptions }, settings);
};

/** `openai-compatible:…`: Ollama, vLLM, text-embeddings-inference, gateways. */
export const openAiCompatibleEmbedder: EmbedderFactory = async (deps, { modelId, name }, settings) => {
  const { baseURL, apiKey } = compatibleEndpoint(deps, settings, modelId);
  const { createOpenAICompatible } = await optionalPeer(modelId, '@ai-sdk/openai-compatible', () => import('@ai-sdk/openai-compatible'));
  const provider = createOpenAICompatible({ name: 'openaiCompatible', baseURL, fetch: deps.net.fetch.bind(deps.net), ...(apiKey === undefined ? {} : { apiKey }) });
  const providerOptions = settings.dimensions === undefined ? {} : { openaiCompatible: { dimensions: settings.dimensions } };
  return aiSdkEmbedder(deps, provider.embeddingModel(name), { modelId, secrets: apiKey === undefined ? [] : [apiKey], providerOptions }, settings);
};
