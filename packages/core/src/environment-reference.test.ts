import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { EnvironmentVariableNotFoundError, findReferences, hasReferences, resolveDocument, resolveReferences } from './environment-reference.ts';

describe('environment references', () => {
  it('finds names, defaults and where they stand', () => {
    expect(findReferences('a ${NAME} b ${OTHER:-x y} c')).toEqual([
      { name: 'NAME', start: 2, end: 9 },
      { name: 'OTHER', fallback: 'x y', start: 12, end: 25 },
    ]);
  });

  it.each([
    ['plain', 'plain'],
    ['${A}', 'value of A'],
    ['${A}${A}', 'value of Avalue of A'],
    ['x${A}y', 'xvalue of Ay'],
    ['${MISSING:-fallback}', 'fallback'],
    ['${MISSING:-}', ''],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${EMPTY}', ''],
    ['${A:-fallback}', 'value of A'],
    ['$${A}', '${A}'],
    ['$$${A}', '$${A}'],
    ['$${MISSING:-x} ${A}', '${MISSING:-x} value of A'],
    ['costs $5 and {A}', 'costs $5 and {A}'],
    ['${', '${'],
    ['${}', '${}'],
    ['${1A}', '${1A}'],
    ['${A', '${A'],
    ['${A b}', '${A b}'],
    ['${A:x}', '${A:x}'],
    ['${A:-open', '${A:-open'],
    ['${ ${A}', '${ value of A'],
    ['${B:-${A}', '${A'],
    ['${NESTED}', '${A}'],
  ])('resolves %j to %j', (text, expected) => {
    expect(resolveReferences(text, { A: 'value of A', EMPTY: '', NESTED: '${A}' })).toBe(expected);
  });

  it('names the variable, the path and the fix when a variable is not set', () => {
    const attempt = () => resolveDocument({ servers: { api: { headers: ['x', '${API_KEY}'] } } }, new Map());
    expect(attempt).toThrow(EnvironmentVariableNotFoundError);
    expect(attempt).toThrow('servers.api.headers[1]: the environment variable API_KEY is not set; set it, or write a default as ${API_KEY:-value}');
  });

  it('takes only own properties of an environment', () => {
    expect(resolveReferences('${constructor:-none} ${__proto__:-none}', {})).toBe('none none');
  });

  it('leaves keys, numbers and class instances alone', () => {
    const at = new Date(0);
    expect(resolveDocument({ '${A}': 1, b: [true, null, '${A}'], at }, { A: 'v' })).toEqual({ '${A}': 1, b: [true, null, 'v'], at });
  });

  it('keeps a __proto__ key an ordinary key', () => {
    const resolved = resolveDocument(JSON.parse('{"__proto__": {"polluted": "${A}"}}') as object, { A: 'v' });
    expect(Object.getPrototypeOf(resolved)).toBe(Object.prototype);
    expect(JSON.stringify(resolved)).toBe('{"__proto__":{"polluted":"v"}}');
  });

  it('gives back any text that was escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-', ' ') }), (text) => {
        expect(resolveReferences(text.replaceAll('${', () => '$${'), { A: 'wrong' })).toBe(text);
      }),
    );
  });

  it('replaces exactly the references that it finds', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '${', '}', 'A', ':-', ' ') }), (text) => {
        const found = findReferences(text);
        expect(hasReferences(text)).toBe(found.length > 0);
        for (const { name, start, end } of found) {
          expect(text.slice(start, end).startsWith(`\${${name}`)).toBe(true);
          expect(text[end - 1]).toBe('}');
        }
        const rest = found.reduceRight((left, { start, end }) => left.slice(0, start) + left.slice(end), text);
        expect(rest.length).toBe(text.length - found.reduce((sum, { start, end }) => sum + end - start, 0));
      }),
    );
  });

  it('stays linear for texts made to be slow', () => {
    // Each of these is quadratic for the obvious regular expression; a million characters would then take minutes and fail by time-out.
    for (const piece of ['${A:-', '${', '$${', '${A', '$']) expect(findReferences(piece.repeat(1_000_000 / piece.length))).toEqual([]);
  });
});
