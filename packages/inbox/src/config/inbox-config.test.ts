import { documentJsonSchema, parseDocument, readDocument, toDocument } from '@cortex-runtime/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InboxConfig } from './index.ts';

describe('InboxConfig', () => {
  it('has the documented defaults, in the words and units of documents', () => {
    expect(toDocument(InboxConfig, parseDocument(InboxConfig, {}))).toEqual({
      enabled: false, max_messages: 50, max_message_length: 2_000, default_ttl: 3_600, max_ttl: 86_400, rate_limit_per_sender: 20, scan_with_guardrails: true,
    });
  });

  it.each([
    [{ max_messages: 0 }, 'max_messages: Too small'],
    [{ max_message_length: -1 }, 'max_message_length: Too small'],
    [{ rate_limit_per_sender: 0 }, 'rate_limit_per_sender: Too small'],
    [{ default_ttl: -1 }, 'default_ttl: must be a number of seconds or a duration'],
    [{ enabled: 'yes' }, 'enabled: expected boolean, got "yes"'],
    [{ max_message: 1 }, 'max_message: unknown key; did you mean "max_messages"?'],
  ])('refuses %j', (raw, expected) => {
    const result = readDocument(InboxConfig, raw);
    expect(result.ok ? [] : result.issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([expect.stringContaining(expected)]);
  });

  it('takes 0 for messages that never expire, and durations in words', () => {
    expect(parseDocument(InboxConfig, { default_ttl: 0, max_ttl: '2h' })).toMatchObject({ defaultTtlMs: 0, maxTtlMs: 7_200_000 });
  });

  it('has a JSON Schema that agrees with the reader about arbitrary settings', () => {
    const json = documentJsonSchema(InboxConfig) as { properties: Record<string, unknown> };
    const validate = new Ajv2020({ strict: false }).compile(json);
    const value = fc.oneof(fc.boolean(), fc.integer({ min: -2, max: 30 }), fc.constantFrom('90s', 'text'), fc.integer({ min: 0, max: 200 }).map((hundredths) => hundredths / 100));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(json.properties), 'unknown'), value, { maxKeys: 3 }), (raw) => {
        expect(validate(raw)).toBe(readDocument(InboxConfig, raw).ok);
      }),
    );
  });
});
