import { EnvironmentVariableNotFoundError, resolveReferences } from '@cortex-runtime/core';

import type { ModelProviderFactory } from '../create-model-provider.ts';
import { ModelSettingMissingError } from '../errors.ts';
import type { ModelProviderDeps, ModelProviderSettings } from '../provider-options.ts';
import { aiSdkModel } from './ai-sdk-model.ts';
import { optionalPeer } from './optional-peer.ts';

/** `openai:…` over the Responses protocol. Nothing is stored at the provider: the journal is the memory. */
export const openAiModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['OPENAI_API_KEY']);
  const baseURL = settings.baseUrl ?? deps.environment['OPENAI_BASE_URL'];
  const { createOpenAI } = await optionalPeer(modelId, '@ai-sdk/openai', () => import('@ai-sdk/openai'));
  const provider = createOpenAI({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...(baseURL === undefined ? {} : { baseURL: resolve(deps, modelId, baseURL) }) });
  return aiSdkModel(deps, provider.responses(name), { modelId, secrets: [apiKey], providerOptions: { openai: { store: false } } }, settings);
};

/** `anthropic:…` over the Messages protocol. */
export const anthropicModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['ANTHROPIC_API_KEY']);
  const baseURL = settings.baseUrl ?? deps.environment['ANTHROPIC_BASE_URL'];
  const { createAnthropic } = await optionalPeer(modelId, '@ai-sdk/anthropic', () => import('@ai-sdk/anthropic'));
  const provider = createAnthropic({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...(baseURL === undefined ? {} : { baseURL: resolve(deps, modelId, baseURL) }) });
  return aiSdkModel(deps, provider(name), { modelId, secrets: [apiKey] }, settings);
};

/** `google:…` over the Gemini API. */
export const googleModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const apiKey = requireKey(deps, settings, modelId, ['GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY']);
  const baseURL = settings.baseUrl ?? deps.environment['GOOGLE_GENERATIVE_AI_BASE_URL'];
  const { createGoogleGenerativeAI } = await optionalPeer(modelId, '@ai-sdk/google', () => import('@ai-sdk/google'));
  const provider = createGoogleGenerativeAI({ apiKey, fetch: deps.net.fetch.bind(deps.net), ...(baseURL === undefined ? {} : { baseURL: resolve(deps, modelId, baseURL) }) });
  return aiSdkModel(deps, provider(name), { modelId, secrets: [apiKey], returnsToolCallMetadata: true }, settings);
};

/** `openai-compatible:…` over the Chat Completions protocol: vLLM, Ollama, gateways. A key is sent when there is one. */
export const openAiCompatibleModel: ModelProviderFactory = async (deps, { modelId, name }, settings) => {
  const fromEnvironment = deps.environment['OPENAI_COMPATIBLE_BASE_URL'] ?? deps.environment['OPENAI_BASE_URL'];
  const given = settings.baseUrl ?? fromEnvironment;
  if (given === undefined) throw new ModelSettingMissingError(modelId, 'OPENAI_COMPATIBLE_BASE_URL', 'the base URL of the endpoint, such as http://127.0.0.1:11434/v1 (or model_options.base_url)');
  // OpenAI's key goes to another endpoint only where the environment that holds the key names the endpoint too: a manifest must not be able to send it anywhere.
  const openAiKey = settings.baseUrl === undefined ? deps.environment['OPENAI_API_KEY'] : undefined;
  const key = settings.apiKey ?? deps.environment['OPENAI_COMPATIBLE_API_KEY'] ?? openAiKey;
  const apiKey = key === undefined ? undefined : resolve(deps, modelId, key);
  const { createOpenAICompatible } = await optionalPeer(modelId, '@ai-sdk/openai-compatible', () => import('@ai-sdk/openai-compatible'));
  const provider = createOpenAICompatible({
    name: 'openaiCompatible',
    baseURL: resolve(deps, modelId, given),
    includeUsage: true,
    fetch: deps.net.fetch.bind(deps.net),
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  return aiSdkModel(deps, provider.chatModel(name), { modelId, secrets: apiKey === undefined ? [] : [apiKey] }, settings);
};

function requireKey(deps: ModelProviderDeps, { apiKey }: ModelProviderSettings, modelId: string, variables: readonly [string, ...string[]]): string {
  const key = apiKey ?? variables.map((name) => deps.environment[name]).find((value) => value !== undefined && value !== '');
  if (key === undefined) throw new ModelSettingMissingError(modelId, variables[0], 'a key');
  return resolve(deps, modelId, key);
}

/** A key or URL may be a reference, so that the manifest that holds it holds no secret. */
function resolve(deps: ModelProviderDeps, modelId: string, text: string): string {
  try {
    return resolveReferences(text, deps.environment);
  } catch (error) {
    if (error instanceof EnvironmentVariableNotFoundError) throw new ModelSettingMissingError(modelId, error.variable, 'a value for a reference in its options', { cause: error });
    throw error;
  }
}
