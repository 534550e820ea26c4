import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { canonicalJson } from './canonical-json.ts';
import { scrubValues } from './secret-scrubber.ts';

describe('scrubValues', () => {
  it('finds a value wherever it stands in base64 and in URLs', () => {
    // Lengths as real secrets have: of a few characters, base64 keeps too little to be told from chance.
    fc.assert(fc.property(fc.string({ minLength: 12, maxLength: 40 }).filter((value) => value.trim().length > 8), fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (value, before, after) => {
      const scrub = scrubValues([value]);
      expect(scrub(`${before} ${value} ${after}`)).toContain('[secret]');
      expect(scrub(encodeURIComponent(value))).toBe('[secret]');
      expect(scrub(Buffer.from(`${before}${value}${after}`).toString('base64'))).toContain('[secret]');
      expect(scrub(Buffer.from(`${before}${value}${after}`).toString('base64url'))).toContain('[secret]');
    }));
  });

  it('leaves short values and everything else alone', () => {
    expect(scrubValues(['abc'])('abc abcdef')).toBe('abc abcdef');
    expect(scrubValues([])('text')).toBe('text');
  });
});

describe('canonicalJson', () => {
  it('is the same for equal values and different for different ones', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const normal = (value: unknown) => JSON.parse(JSON.stringify(value)) as Parameters<typeof canonicalJson>[0];
      expect(canonicalJson(normal(JSON.parse(canonicalJson(normal(a)))))).toBe(canonicalJson(normal(a)));
      expect(JSON.parse(canonicalJson(normal(a)))).toEqual(normal(a));
      if (canonicalJson(normal(a)) === canonicalJson(normal(b))) expect(normal(a)).toEqual(normal(b));
    }));
    expect(canonicalJson({ b: 1, a: [{ d: 1, c: undefined }] })).toBe('{"a":[{"d":1}],"b":1}');
  });
});
