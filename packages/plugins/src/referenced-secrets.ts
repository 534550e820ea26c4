import { findReferences, isSecretName, type Environment, type JsonValue } from '@cortex-runtime/core';

/** The values of all variables that `text` refers to, as far as they are set. */
export function referencedValues(text: string, environment: Environment): string[] {
  return findReferences(text).flatMap(({ name }) => {
    const value = environment instanceof Map ? (environment as ReadonlyMap<string, string>).get(name) : (environment as Record<string, string | undefined>)[name];
    return value === undefined ? [] : [value];
  });
}

/** The values of all variables that texts under a key which names a secret refer to. */
export function referencedSecrets(value: JsonValue | undefined, environment: Environment, isSecret = false): string[] {
  if (typeof value === 'string') return isSecret ? referencedValues(value, environment) : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap((item) => referencedSecrets(item, environment, isSecret));
  return Object.entries(value).flatMap(([key, item]) => referencedSecrets(item, environment, isSecret || isSecretName(key)));
}
