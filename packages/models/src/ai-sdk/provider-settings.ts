import { EnvironmentVariableNotFoundError, resolveReferences } from '@cortex-runtime/core';

import { ModelSettingMissingError } from '../errors.ts';
import type { ModelProviderDeps } from '../provider-options.ts';

type Environment = Pick<ModelProviderDeps, 'environment'>;

/** Where an endpoint is and what opens it, as the options of a model say. */
export interface GivenEndpoint {
  baseUrl?: string | undefined;
  apiKey?: string | undefined;
}

/** The key of the options, or else the first of the variables that is set. @throws ModelSettingMissingError */
export function requireKey(deps: Environment, { apiKey }: GivenEndpoint, modelId: string, variables: readonly [string, ...string[]]): string {
  const key = apiKey ?? variables.map((name) => deps.environment[name]).find((value) => value !== undefined && value !== '');
  if (key === undefined) throw new ModelSettingMissingError(modelId, variables[0], 'a key');
  return resolveSetting(deps, modelId, key);
}

/** `{ baseURL }` of the options or the variable; nothing when the provider's own is meant. @throws ModelSettingMissingError */
export function baseUrlOption(deps: Environment, { baseUrl }: GivenEndpoint, modelId: string, variable: string): { baseURL?: string } {
  const given = baseUrl ?? deps.environment[variable];
  return given === undefined ? {} : { baseURL: resolveSetting(deps, modelId, given) };
}

/** An endpoint that speaks OpenAI's protocol. A key is used when there is one. @throws ModelSettingMissingError without a base URL */
export function compatibleEndpoint(deps: Environment, given: GivenEndpoint, modelId: string): { baseURL: string; apiKey: string | undefined } {
  const { environment } = deps;
  const baseUrl = given.baseUrl ?? environment['OPENAI_COMPATIBLE_BASE_URL'] ?? environment['OPENAI_BASE_URL'];
  if (baseUrl === undefined) throw new ModelSettingMissingError(modelId, 'OPENAI_COMPATIBLE_BASE_URL', 'the base URL of the endpoint, such as http://127.0.0.1:11434/v1 (or model_options.base_url)');
  // OpenAI's key goes to another endpoint only where the environment that holds the key names the endpoint too: a manifest must not be able to send it anywhere.
  const openAiKey = given.baseUrl === undefined ? environment['OPENAI_API_KEY'] : undefined;
  const key = given.apiKey ?? environment['OPENAI_COMPATIBLE_API_KEY'] ?? openAiKey;
  return { baseURL: resolveSetting(deps, modelId, baseUrl), apiKey: key === undefined ? undefined : resolveSetting(deps, modelId, key) };
}

/** A key or URL may be a reference, so that the manifest that holds it holds no secret. */
function resolveSetting(deps: Environment, modelId: string, text: string): string {
  try {
    return resolveReferences(text, deps.environment);
  } catch (error) {
    if (error instanceof EnvironmentVariableNotFoundError) throw new ModelSettingMissingError(modelId, error.variable, 'a value for a reference in its options', { cause: error });
    throw error;
  }
}
