import { findReferences, type Environment } from '@cortex-runtime/core';

import { scrubValues } from '../secret-scrubber.ts';

/** A function that takes the values of all references in `texts` out of a message: servers like to quote what they were given. */
export function secretScrubber(texts: readonly string[], environment: Environment): (message: string) => string {
  const values = new Set<string>();
  for (const text of texts) {
    for (const { name } of findReferences(text)) {
      const value = environment instanceof Map ? (environment as ReadonlyMap<string, string>).get(name) : (environment as Record<string, string | undefined>)[name];
      if (value !== undefined) values.add(value);
    }
  }
  return scrubValues(values);
}
