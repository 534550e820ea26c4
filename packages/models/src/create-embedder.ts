import { EmbedderOptions, type EmbedderDeps, type EmbedderSettings } from './embedder-options.ts';
import { ProviderRegistry } from './provider-registry.ts';
import type { TextEmbedder } from './text-embedder.ts';

/** An embedding model of one provider, by the part of the id behind the colon. */
export type EmbedderFactory = (deps: EmbedderDeps, model: { modelId: string; name: string }, settings: EmbedderSettings) => Promise<TextEmbedder> | TextEmbedder;

/** Loaded as those of `createModelProvider` are. */
const registry = new ProviderRegistry<EmbedderFactory>('embedding', {
  openai: async (...given) => (await import('./ai-sdk/index.ts')).openAiEmbedder(...given),
  google: async (...given) => (await import('./ai-sdk/index.ts')).googleEmbedder(...given),
  'openai-compatible': async (...given) => (await import('./ai-sdk/index.ts')).openAiCompatibleEmbedder(...given),
});

/**
 * Adds a provider of embedding models: afterwards `name:anything` is one. Returns a function that takes it away again.
 *
 * @throws InvalidInputError when the name is taken or is not lower-case letters, digits and `-`
 */
export function registerEmbedder(name: string, factory: EmbedderFactory): () => void {
  return registry.register(name, factory);
}

/**
 * The embedding model of an id: `openai:text-embedding-3-small`, `google:…`, `openai-compatible:…`. No request is made.
 *
 * @throws ModelProviderUnknownError when no such provider has embedding models
 * @throws ModelProviderMissingError when its npm package is not installed
 * @throws ModelSettingMissingError when a key or a base URL is nowhere to be found
 */
export async function createEmbedder(modelId: string, deps: EmbedderDeps, options: EmbedderOptions = {}): Promise<TextEmbedder> {
  const { factory, model } = registry.find(modelId);
  return factory(deps, model, EmbedderOptions.parse(options));
}
