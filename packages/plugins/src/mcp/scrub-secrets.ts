import type { Environment } from '@cortex-runtime/core';

import { referencedValues } from '../referenced-secrets.ts';
import { scrubValues } from '../secret-scrubber.ts';

/** A function that takes the values of all references in `texts` out of a message: servers like to quote what they were given. */
export function secretScrubber(texts: readonly string[], environment: Environment): (message: string) => string {
  return scrubValues(new Set(texts.flatMap((text) => referencedValues(text, environment))));
}
