import type { ModelProvider } from './model-provider.ts';
import { ModelProviderOptions, type ModelProviderDeps, type ModelProviderSettings } from './provider-options.ts';
import { ProviderRegistry } from './provider-registry.ts';

/** A model of one provider, by the part of the id behind the colon. */
export type ModelProviderFactory = (deps: ModelProviderDeps, model: { modelId: string; name: string }, settings: ModelProviderSettings) => Promise<ModelProvider> | ModelProvider;

/** The adapters are loaded when a model of theirs is made, so that nobody pays for a provider that is not used. */
const registry = new ProviderRegistry<ModelProviderFactory>(
  'model',
  {
    openai: async (...given) => (await import('./ai-sdk/index.ts')).openAiModel(...given),
    anthropic: async (...given) => (await import('./ai-sdk/index.ts')).anthropicModel(...given),
    google: async (...given) => (await import('./ai-sdk/index.ts')).googleModel(...given),
    'openai-compatible': async (...given) => (await import('./ai-sdk/index.ts')).openAiCompatibleModel(...given),
    scripted: async (...given) => (await import('./scripted/index.ts')).scriptedModel(...given),
  },
  { scripted: 'FILE' },
);

/**
 * Adds a provider: afterwards `name:anything` is a model id. Returns a function that takes it away again.
 *
 * @throws InvalidInputError when the name is taken or is not lower-case letters, digits and `-`
 */
export function registerModelProvider(name: string, factory: ModelProviderFactory): () => void {
  return registry.register(name, factory);
}

/** Names of the providers, sorted. */
export function registeredModelProviders(): string[] {
  return registry.names();
}

/**
 * The model that a manifest names: `openai:gpt-5-mini`, `anthropic:…`, `google:…`, `openai-compatible:…`, `scripted:FILE`. No request is made.
 *
 * @throws ModelProviderUnknownError when no such provider is registered
 * @throws ModelProviderMissingError when its npm package is not installed
 * @throws ModelSettingMissingError when a key or a base URL is nowhere to be found
 */
export async function createModelProvider(modelId: string, deps: ModelProviderDeps, options: ModelProviderOptions = {}): Promise<ModelProvider> {
  const { factory, model } = registry.find(modelId);
  return factory(deps, model, ModelProviderOptions.parse(options));
}
