import { findReferences, type Environment } from '@cortex-runtime/core';

/** A function that takes the values of all references in `texts` out of a message: servers like to quote what they were given. */
export function secretScrubber(texts: readonly string[], environment: Environment): (message: string) => string {
  const values = new Set<string>();
  for (const text of texts) {
    for (const { name } of findReferences(text)) {
      const value = environment instanceof Map ? (environment as ReadonlyMap<string, string>).get(name) : (environment as Record<string, string | undefined>)[name];
      // Shorter values are not secrets worth the name, and would turn every line into gaps.
      if (value !== undefined && value.length >= 6) values.add(value);
    }
  }
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return (message) => longestFirst.reduce((text, value) => text.replaceAll(value, '[secret]'), message);
}
