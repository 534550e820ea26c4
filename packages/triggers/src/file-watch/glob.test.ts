import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { glob } from './glob.ts';
import { netChange, type FileChangeKind } from './net-change.ts';

describe('glob', () => {
  it.each([
    ['*', 'a.txt'], ['*.txt', 'deep/er/a.txt'], ['a?c', 'abc'], ['[a-c]x', 'bx'], ['[!a-c]x', 'dx'], ['*.{json,yaml}', 'x.yaml'], ['in/*.csv', 'in/a.csv'], ['**/*.csv', 'a.csv'], ['**/*.csv', 'x/y/a.csv'], ['in/**', 'in/x/y'],
    ['in/**/z', 'in/z'], ['in/**/z', 'in/x/y/z'], ['.env*', '.env.local'], ['\\*', '*'], ['./in/*', 'in/a'], ['a[', 'a['], ['é*', 'étude'], ['**/.git/*', '.git/HEAD'],
  ])('%s matches %s', (pattern, path) => {
    expect(glob(pattern).matches(path)).toBe(true);
  });

  it.each([
    ['*', '.hidden'], ['*', '.git/config'], ['*.txt', 'a.txt~'], ['*.txt', 'a.TXT'], ['in/*.csv', 'in/x/a.csv'], ['in/*', 'out/a'], ['**', '.git/HEAD'], ['?a', '/a'], ['[!a]x', '/x'], ['a?c', 'ac'], ['**/*', 'x/.y'], ['', 'a'],
  ])('%s does not match %s', (pattern, path) => {
    expect(glob(pattern).matches(path)).toBe(false);
  });

  it('matches every name by its own escaped text', () => {
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 20 }).filter((name) => !/[/{}]/.test(name)), (name) => {
      expect(glob(name.replaceAll(/[\\*?[\]]/g, '\\$&')).matches(name)).toBe(true);
    }));
  });

  // S7: patterns that bring backtracking matchers to a stop.
  it('answers patterns made to backtrack', () => {
    expect(glob(`${'*a'.repeat(200)}b`).matches('a'.repeat(250))).toBe(false);
    expect(glob(`${'**/a*'.repeat(60)}/b`).matches('a/'.repeat(120))).toBe(false);
    expect(() => glob('{a,b}'.repeat(30))).toThrow(/more than 64/);
    expect(() => glob('{{a,b},c}')).toThrow(/braces inside braces/);
  });
});

describe('netChange', () => {
  it.each<[FileChangeKind[], boolean, FileChangeKind | undefined]>([
    [['created'], true, 'created'], [['created', 'modified'], true, 'created'], [['modified'], true, 'modified'], [['deleted'], false, 'deleted'], [['modified', 'deleted'], false, 'deleted'],
    [['created', 'deleted'], false, undefined], [['deleted', 'created'], true, 'created'], [['moved'], true, 'moved'], [['moved', 'modified'], true, 'moved'], [['created', 'modified', 'deleted'], false, undefined],
  ])('%j with the file there: %s comes to %s', (seen, exists, net) => {
    expect(netChange(new Set(seen), exists)).toBe(net);
  });
});
