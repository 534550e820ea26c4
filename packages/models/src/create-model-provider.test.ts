import { describe, expect, it, onTestFinished } from 'vitest';

import { modelDeps } from '../test/model-deps.ts';
import { optionalPeer } from './ai-sdk/optional-peer.ts';
import { createModelProvider, registerModelProvider, registeredModelProviders } from './create-model-provider.ts';

const failure = (modelId: string, environment: Record<string, string> = {}): Promise<unknown> =>
  createModelProvider(modelId, modelDeps({ environment })).then(() => undefined, (error: unknown) => error);

describe('createModelProvider', () => {
  it('names the providers and the nearest one when there is none of that name', async () => {
    const error = await failure('opnai:gpt-5-mini');
    expect(error).toMatchObject({ code: 'MODEL_PROVIDER_UNKNOWN', retryable: false });
    expect(String(error)).toMatch(/did you mean openai\?.*anthropic, google, openai, openai-compatible, scripted/);
  });

  it('says how a model is written when there is no colon', async () => {
    expect(String(await failure('gpt-5-mini'))).toContain('provider:model');
    expect(String(await failure('openai:'))).toContain('openai:model');
  });

  it.each([
    ['openai:gpt-5-mini', 'OPENAI_API_KEY'],
    ['anthropic:claude-sonnet-4-5', 'ANTHROPIC_API_KEY'],
    ['google:gemini-2.5-flash', 'GOOGLE_GENERATIVE_AI_API_KEY'],
    ['openai-compatible:llama', 'OPENAI_COMPATIBLE_BASE_URL'],
  ])('names the variable that %s needs', async (modelId, variable) => {
    const error = await failure(modelId, { OPENAI_API_KEY: '' });
    expect(error).toMatchObject({ code: 'MODEL_SETTING_MISSING', variable });
    expect(String(error)).toContain(`set ${variable}`);
  });

  it('names the variable of a reference that has no value', async () => {
    const error: unknown = await createModelProvider('openai:gpt-5-mini', modelDeps(), { apiKey: '${TEAM_KEY}' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MODEL_SETTING_MISSING', variable: 'TEAM_KEY' });
  });

  it('refuses options that do not exist, before any call', async () => {
    await expect(createModelProvider('openai:gpt-5-mini', modelDeps({ environment: { OPENAI_API_KEY: 'x' } }), { timeoutMs: -1 })).rejects.toThrow('timeoutMs');
  });

  it('makes models of registered providers, and no longer after they were taken away', async () => {
    const provider = { modelId: 'own:model:7b', isLanguageModel: true, async *stream() {} };
    const remove = registerModelProvider('own', (_deps, model) => {
      expect(model).toEqual({ modelId: 'own:model:7b', name: 'model:7b' });
      return provider;
    });
    onTestFinished(remove);
    expect(await createModelProvider('own:model:7b', modelDeps())).toBe(provider);
    expect(() => registerModelProvider('own', () => provider)).toThrow('registered already');
    remove();
    expect(registeredModelProviders()).not.toContain('own');
  });
});

describe('optionalPeer', () => {
  it('says what to install when the package is not there', async () => {
    const name = '@ai-sdk/not-installed';
    const missing = Object.assign(new Error(`Cannot find package '${name}' imported from here`), { code: 'ERR_MODULE_NOT_FOUND' });
    const error: unknown = await optionalPeer('x:y', name, () => Promise.reject(missing)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MODEL_PROVIDER_MISSING', packageName: name });
    expect(String(error)).toContain(`npm install ${name}`);
  });

  it('passes on what goes wrong inside an installed package', async () => {
    await expect(optionalPeer('x:y', '@ai-sdk/openai', () => Promise.reject(new Error('broken build')))).rejects.toThrow('broken build');
  });
});
