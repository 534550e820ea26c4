import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InvalidInputError } from './errors.ts';
import { assertJsonValue } from './json-value.ts';

class Point {
  readonly x = 1;
}

describe('assertJsonValue', () => {
  // J10: odd values make the round trip or are refused when they are written, never altered in silence.
  const cyclic: Record<string, unknown> = { list: [] };
  (cyclic['list'] as unknown[]).push(cyclic);
  const deep = JSON.parse('['.repeat(300) + ']'.repeat(300)) as unknown;

  it.each([
    ['NaN', { a: [1, Number.NaN] }, 'event.a[1]: is NaN, which JSON would turn into null'],
    ['an infinity', { a: Number.NEGATIVE_INFINITY }, 'event.a: is -Infinity, which JSON would turn into null'],
    ['-0', { a: -0 }, 'event.a: is -0, which JSON would turn into 0'],
    ['a BigInt', { a: 1n }, 'event.a: is a bigint, which JSON can not hold'],
    ['a function', { a: () => 1 }, 'event.a: is a function, which JSON can not hold'],
    ['a symbol', { a: Symbol('s') }, 'event.a: is a symbol, which JSON can not hold'],
    ['a Date', { a: new Date(0) }, 'event.a: is a Date; convert it to plain JSON first'],
    ['a Map', new Map(), 'event: is a Map; convert it to plain JSON first'],
    ['a class instance', { p: new Point() }, 'event.p: is a Point; convert it to plain JSON first'],
    ['undefined in a list', [undefined], 'event[0]: is a undefined, which JSON can not hold'],
    ['a hole in a list', [1, , 2], 'event[1]: is a undefined, which JSON can not hold'],
    ['undefined by itself', undefined, 'event: is a undefined, which JSON can not hold'],
    ['a lone surrogate', { a: '\ud800' }, 'event.a: holds a lone surrogate, which UTF-8 can not carry'],
    ['a lone surrogate in a key', { b: { '\udc00': 1 } }, 'event.b: has a key with a lone surrogate'],
    ['a cycle', cyclic, 'event.list[0]: is a cycle'],
  ])('refuses %s and says where', (_, value, message) => {
    expect(() => assertJsonValue(value, 'event')).toThrow(InvalidInputError);
    expect(() => assertJsonValue(value, 'event')).toThrow(message);
  });

  it('refuses more levels than it is told', () => {
    expect(() => assertJsonValue(deep)).toThrow(/is nested too deeply$/);
    expect(() => assertJsonValue(deep, 'value', 301)).not.toThrow();
    expect(() => assertJsonValue([[1]], 'value', 1)).toThrow('value[0]: is nested too deeply');
  });

  it.each([['null', null], ['U+2028', '\u2028'], ['10 MB of text', 'x'.repeat(10 * 1024 * 1024)], ['the same object twice', ((one) => [one, one])({ a: 1 })], ['an object without prototype', Object.assign(Object.create(null) as object, { a: 1 })], ['an own __proto__', JSON.parse('{"__proto__": 1}')]])('accepts %s, which JSON keeps', (_, value) => {
    assertJsonValue(value);
    expect(JSON.stringify(JSON.parse(JSON.stringify(value)))).toBe(JSON.stringify(value));
  });

  it('accepts only what comes back equal from JSON, leaving out properties that are undefined', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true, withSparseArray: true, withTypedArray: true, withBoxedValues: true, withObjectString: true }), (value) => {
        try {
          assertJsonValue(value);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          return;
        }
        expect(JSON.parse(JSON.stringify(value))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('accepts every JSON value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void assertJsonValue(JSON.parse(JSON.stringify(value)))));
  });
});
