import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { manifestLimits } from './limits.ts';
import { placeInText, readYaml } from './read-yaml.ts';
import { YamlProblem } from './yaml-problem.ts';

function problemOf(text: string): string {
  try {
    readYaml(text);
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    const { line, column } = placeInText(text, error.offset);
    return `${line}:${column} ${error.message}`;
  }
  return 'accepted';
}

const lines = (count: number, line: (index: number) => string) => Array.from({ length: count }, (_, index) => line(index)).join('\n');

/** What would cost seconds or a stack overflow if it reached a parser; the slow ones then fail by time-out. */
const bombs: [string, string, string][] = [
  ['50,000 anchors', lines(50_000, (index) => `- &a${index} x`), 'has more than 64 anchors'],
  ['many aliases', `a: &a 1\nb: [${'*a, '.repeat(1_000)}1]`, 'has more than 64 aliases'],
  ['a billion laughs', lines(9, (level) => `l${level}: &l${level} [${Array.from({ length: 7 }, () => (level === 0 ? 'ha' : `*l${level - 1}`)).join(', ')}]`), 'has more than 20000 values'],
  ['deep flow lists', '['.repeat(200_000), 'is nested more than 64 levels deep'],
  ['deep flow maps', '{a: '.repeat(60_000), 'is nested more than 64 levels deep'],
  ['deep flow maps that are closed', '{a: '.repeat(100) + '1' + '}'.repeat(100), 'is nested more than 64 levels deep'],
  ['deep lists in one line', '- '.repeat(100_000), 'is nested more than 64 levels deep'],
  ['deep explicit keys in one line', '? '.repeat(100_000), 'is nested more than 64 levels deep'],
  ['deep values in one line', ': '.repeat(100_000), 'is nested more than 64 levels deep'],
  ['deep maps by indentation', lines(100, (depth) => `${' '.repeat(depth)}a:`), 'is nested more than 64 levels deep'],
  ['deep lists, a little deeper in each line', lines(30, (index) => `${'  '.repeat(index * 5)}- - - - -`), 'is nested more than 64 levels deep'],
  ['a map of 60,000 keys', lines(60_000, (index) => `k${index}: 1`), 'has more than 20000 tokens'],
  ['a list of 120,000 items', `[${'1,'.repeat(120_000)}]`, 'has more than 20000 tokens'],
  ['200,000 empty lines', '\n'.repeat(200_000), 'has more than 20000 tokens'],
  ['unclosed quotes', '"'.repeat(200_000), 'has more than 20000 tokens'],
  ['thousands of documents', '---\n'.repeat(5_000), 'a second document begins here'],
];

// S6: config bombs.
describe('bombs', () => {
  it.each(bombs)('%s are refused before a tree is built', (_, text, expected) => {
    expect(problemOf(text)).toContain(expected);
  });

  it('an alias that contains itself is refused', () => {
    expect(problemOf('a: &a [*a]')).toContain('or an alias contains itself');
  });

  it('a long text is no bomb', () => {
    const text = 'word & *more* [x] {y} - z\n'.repeat(9_000);
    expect(readYaml(`instructions: |\n${text.replaceAll(/^(?=.)/gm, '  ')}`).value).toEqual({ instructions: text });
  });

  it('what stays within the limits is read', () => {
    const anchors = lines(manifestLimits.maxAnchors, (index) => `k${index}: &a${index} v`);
    expect(Object.keys(readYaml(anchors).value as object)).toHaveLength(manifestLimits.maxAnchors);
    expect(readYaml('['.repeat(60) + ']'.repeat(60)).value).toBeDefined();
    expect(readYaml('a: &x {b: 1}\nc: [*x, *x]').value).toEqual({ a: { b: 1 }, c: [{ b: 1 }, { b: 1 }] });
  });
});

describe('readYaml', () => {
  it.each([
    ['a: 1\na: 2', '2:1 the key "a" stands here twice; keep one'],
    ['a: {b: 1, "b": 2}', '1:11 the key "b" stands here twice; keep one'],
    ['a:\n\tb: 1', '2:1 a tab stands where YAML takes only spaces: replace the tabs of the indentation with spaces'],
    ['a: 1\n---\nb: 2', '2:1 a second document begins here (---); one file is one manifest'],
    ['x:\n  __proto__: {a: 1}', '2:3 __proto__ is not allowed as a key; choose another name'],
    ['<<: {a: 1}', '1:1 merge keys (<<) are not part of YAML 1.2; use an alias for a whole value, or repeat the settings'],
    ['a: !!binary aGk=', '1:4 the tag !!binary is not supported; write plain values, in quotes where a text looks like something else'],
    ['%YAML 1.1\n---\na: 1', '1:1 directives (lines that begin with %) are not supported; remove the line'],
    ['a: *nothing', '1:4 the alias *nothing has no anchor before it; a text that begins with * needs quotes'],
    ['? [a, b]\n: 1', '1:3 a key must be a simple text'],
    ['id: 12345678901234567890', '1:5 12345678901234567890 has more digits than a number keeps; write it in quotes'],
    ['a: .nan', '1:4 .nan is not a number that can be stored; give a finite one'],
    ['a: -.inf', '1:4 -.inf is not a number that can be stored; give a finite one'],
    ['a: 1e999', '1:4 1e999 is not a number that can be stored; give a finite one'],
    ['a: -0', '1:4 -0 would become 0; write 0'],
    ['a: "\\uD800"', '1:4 the text holds half of a surrogate pair, which UTF-8 can not carry'],
    ['a: b: c', '1:4 a second ": " stands in one line; put the text in quotes, or the nested map on its own lines'],
    ['a: [1, 2', '1:9 Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['a: "open', '1:9 Missing closing "quote'],
  ])('refuses %j', (text, expected) => {
    expect(problemOf(text)).toBe(expected);
  });

  it('keeps words such as on, yes and no texts, and dates too', () => {
    expect(readYaml('a: on\nb: yes\nc: no\nd: 2026-11-21\ne: 010\nf: ~\n1: true').value).toEqual({ a: 'on', b: 'yes', c: 'no', d: '2026-11-21', e: 10, f: null, 1: true });
  });

  it('takes a byte order mark, Windows line ends and no line end at all', () => {
    expect(readYaml('\ufeffa: 1\r\nb:\r\n  - x').value).toEqual({ a: 1, b: ['x'] });
  });

  it('gives null for a text without a document', () => {
    for (const text of ['', '# only a comment\n', '---\n']) expect(readYaml(text).value).toBeNull();
  });

  it('knows the line and column of keys, values, items and what is around a missing thing', () => {
    const { locate } = readYaml('name: x\ntriggers:\n  - type: cron\n    cron_expression: "* *"\n  - {type: webhook}\nempty:\nlist: &l [a, b]\nagain: *l\n');
    expect(locate(['name'])).toEqual({ line: 1, column: 7 });
    expect(locate(['name'], true)).toEqual({ line: 1, column: 1 });
    expect(locate(['triggers', 0, 'cron_expression'])).toEqual({ line: 4, column: 22 });
    expect(locate(['triggers', 0, 'cron_expression'], true)).toEqual({ line: 4, column: 5 });
    expect(locate(['triggers', 1, 'type'])).toEqual({ line: 5, column: 12 });
    expect(locate(['triggers', 1, 'missing'])).toEqual({ line: 5, column: 5 });
    expect(locate(['empty'])).toEqual({ line: 6, column: 1 });
    expect(locate(['again', 1])).toEqual({ line: 7, column: 14 });
    expect(locate([])).toEqual({ line: 1, column: 1 });
  });

  // Integers beyond 2^53 are refused: their last digits would be lost in silence.
  const hasOnlySafeIntegers = (json: unknown): boolean =>
    typeof json === 'number' ? !Number.isInteger(json) || Number.isSafeInteger(json) : typeof json !== 'object' || json === null || Object.values(json).every(hasOnlySafeIntegers);
  const value = fc.jsonValue().map((json) => JSON.parse(JSON.stringify(json)) as unknown).filter((json) => !JSON.stringify(json).includes('__proto__') && hasOnlySafeIntegers(json));

  it('reads back every JSON value that YAML can write', () => {
    fc.assert(
      fc.property(value, (json) => {
        expect(readYaml(stringify({ root: json }, { lineWidth: 0, aliasDuplicateObjects: false })).value).toEqual({ root: json });
        expect(readYaml(JSON.stringify({ root: json })).value).toEqual({ root: json });
      }),
    );
  });

  it('gives a value or says what is wrong, whatever the text', () => {
    const piece = fc.constantFrom('a', ': ', '- ', '\n', '  ', '\t', '"', "'", '[', ']', '{', '}', ',', '&x', '*x', '|', '>', '#', '? ', '!t', '---', '...', '%', '\r', '1', '<<', '__proto__', '\u0000', '\ufeff');
    fc.assert(
      fc.property(fc.oneof(fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')), fc.string()), (text) => {
        const problem = problemOf(text);
        if (problem !== 'accepted') expect(problem).toMatch(/^\d+:\d+ ./);
      }),
      { numRuns: 2_000 },
    );
  });
});
