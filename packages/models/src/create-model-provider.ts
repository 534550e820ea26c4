import { InvalidInputError, nearestName } from '@cortex-runtime/core';

import { ModelProviderUnknownError } from './errors.ts';
import type { ModelProvider } from './model-provider.ts';
import { ModelProviderOptions, type ModelProviderDeps, type ModelProviderSettings } from './provider-options.ts';

/** A model of one provider, by the part of the id behind the colon. */
export type ModelProviderFactory = (deps: ModelProviderDeps, model: { modelId: string; name: string }, settings: ModelProviderSettings) => Promise<ModelProvider> | ModelProvider;

/** The adapters are loaded when a model of theirs is made, so that nobody pays for a provider that is not used. */
const factories = new Map<string, ModelProviderFactory>([
  ['openai', async (...given) => (await import('./ai-sdk/index.ts')).openAiModel(...given)],
  ['anthropic', async (...given) => (await import('./ai-sdk/index.ts')).anthropicModel(...given)],
  ['google', async (...given) => (await import('./ai-sdk/index.ts')).googleModel(...given)],
  ['openai-compatible', async (...given) => (await import('./ai-sdk/index.ts')).openAiCompatibleModel(...given)],
  ['scripted', async (...given) => (await import('./scripted/index.ts')).scriptedModel(...given)],
]);

/**
 * Adds a provider: afterwards `name:anything` is a model id. Returns a function that takes it away again.
 *
 * @throws InvalidInputError when the name is taken or is not lower-case letters, digits and `-`
 */
export function registerModelProvider(name: string, factory: ModelProviderFactory): () => void {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) throw new InvalidInputError('name', `must be lower-case letters, digits and "-", got ${JSON.stringify(name)}`);
  if (factories.has(name)) throw new InvalidInputError('name', `the model provider ${name} is registered already`);
  factories.set(name, factory);
  return () => {
    if (factories.get(name) === factory) factories.delete(name);
  };
}

/** Names of the providers, sorted. */
export function registeredModelProviders(): string[] {
  return [...factories.keys()].sort();
}

/**
 * The model that a manifest names: `openai:gpt-5-mini`, `anthropic:…`, `google:…`, `openai-compatible:…`, `scripted:FILE`. No request is made.
 *
 * @throws ModelProviderUnknownError when no such provider is registered
 * @throws ModelProviderMissingError when its npm package is not installed
 * @throws ModelSettingMissingError when a key or a base URL is nowhere to be found
 */
export async function createModelProvider(modelId: string, deps: ModelProviderDeps, options: ModelProviderOptions = {}): Promise<ModelProvider> {
  const colon = modelId.indexOf(':');
  const provider = colon === -1 ? modelId : modelId.slice(0, colon);
  const name = colon === -1 ? '' : modelId.slice(colon + 1);
  const factory = factories.get(provider);
  const known = registeredModelProviders();
  if (factory === undefined) {
    const near = nearestName(provider, known);
    const shape = colon === -1 ? 'a model is written provider:model; ' : '';
    throw new ModelProviderUnknownError(modelId, `${shape}there is no provider ${JSON.stringify(provider)}${near === undefined ? '' : `, did you mean ${near}?`}; providers are ${known.join(', ')}`);
  }
  if (name === '') throw new ModelProviderUnknownError(modelId, `names no model; write ${provider}:${provider === 'scripted' ? 'FILE' : 'model'}`);
  return factory(deps, { modelId, name }, ModelProviderOptions.parse(options));
}
