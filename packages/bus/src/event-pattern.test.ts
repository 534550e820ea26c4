import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { eventPattern, sourceFilter } from './event-pattern.ts';

/** The same question asked of a regular expression, slowly and safely. */
const reference = (pattern: string) => (pattern === '*' || pattern === '**' ? /^.*$/ : new RegExp(`^${pattern.split('.').map((part) => (part === '**' ? '[^.]+(\\.[^.]+)*' : part === '*' ? '[^.]+' : part)).join('\\.')}$`));

describe('eventPattern', () => {
  it('agrees with a regular expression', () => {
    const word = fc.constantFrom('a', 'b', 'task', 'done');
    const pattern = fc.tuple(fc.array(fc.oneof(word, fc.constant('*')), { minLength: 1, maxLength: 4 }), fc.boolean()).map(([parts, open]) => [...parts, ...(open ? ['**'] : [])].join('.'));
    const name = fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join('.'));
    fc.assert(fc.property(pattern, name, (given, type) => eventPattern(given)(type) === reference(given).test(type)), { numRuns: 2_000 });
  });

  it('compares sources as they are unless the filter has wildcards', () => {
    expect(sourceFilter('https://example.com/a b')('https://example.com/a b')).toBe(true);
    expect(sourceFilter('agent.*')('agent.one')).toBe(true);
    expect(sourceFilter([])('anything')).toBe(false);
    expect(sourceFilter(undefined)('anything')).toBe(true);
  });
});
