import type { JsonValue } from '@cortex-runtime/core';

import type { CredentialBroker } from '../protocol/credential-broker.ts';
import { CredentialNotFoundError } from '../protocol/plugin-errors.ts';
import { scrubValues } from '../secret-scrubber.ts';

/** What one plugin sees of the broker, and a memory of what it was given, so that none of it comes out again. */
export interface GuardedCredentials {
  readonly broker: CredentialBroker;
  /** Takes these values out as well. */
  hide(values: readonly string[]): void;
  scrubText(text: string): string;
  scrubJson<T extends JsonValue | undefined>(value: T): T;
  /** Takes the values out of the messages and stacks of an error and its causes, in place. */
  scrubError(error: unknown): void;
}

/** How deep a chain of causes is followed. */
const maxCauses = 10;

export function guardedCredentials(broker: CredentialBroker | undefined, plugin: string): GuardedCredentials {
  const given = new Set<string>();
  let scrubText = (text: string) => text;

  const hide = (values: readonly string[]): void => {
    for (const value of values) given.add(value);
    scrubText = scrubValues(given);
  };
  const scrub = (value: JsonValue | undefined): JsonValue | undefined => {
    if (typeof value === 'string') return scrubText(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => scrub(item) ?? null);
    return Object.fromEntries(Object.entries(value as Record<string, JsonValue | undefined>).map(([key, item]) => [scrubText(key), scrub(item)]));
  };

  return {
    broker: {
      async get(name) {
        if (broker === undefined) throw new CredentialNotFoundError(name, 'the plugin registry was made without a credential broker');
        const value = await broker.get(name, { plugin });
        hide([value]);
        return value;
      },
    },
    hide,
    scrubText: (text) => scrubText(text),
    scrubJson: <T extends JsonValue | undefined>(value: T) => (given.size === 0 ? value : (scrub(value) as T)),
    scrubError(error) {
      if (given.size === 0) return;
      let current: unknown = error;
      for (let depth = 0; current instanceof Error && depth < maxCauses; depth += 1) {
        for (const part of ['message', 'stack'] as const) {
          const text = current[part];
          if (text !== undefined && scrubText(text) !== text) Object.defineProperty(current, part, { value: scrubText(text), configurable: true, writable: true, enumerable: false });
        }
        if (typeof current.cause === 'string') current.cause = scrubText(current.cause);
        current = current.cause;
      }
    },
  };
}
