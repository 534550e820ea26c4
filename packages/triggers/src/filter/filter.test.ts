import { describe, expect, it } from 'vitest';

import type { FilterSyntaxError } from '../errors.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import { parseFilter } from './filter.ts';

const event: TriggerEvent = {
  triggerId: 'gh', triggerType: 'webhook', eventId: 'webhook:gh:1', timestamp: 0, cause: [],
  metadata: { headers: { 'x-github-event': 'push' }, signature_verified: true },
  payload: {
    action: 'opened', count: 3, ratio: 0.5, zero: 0, on: true, off: false, nothing: null, text: 'Hello World', empty: '', tags: ['a', 'b'], none: [], one: 1, emoji: '😀é',
    user: { name: 'ann', roles: ['admin'], len: 7 }, amount: '42', self: 'x', "it's": 1, nested: [[1, 2], { k: 'v' }], map: {},
  },
};

function matches(source: string): boolean {
  return parseFilter(source).matches(event);
}

/** The reason why an expression has no answer, or undefined when it has one. */
function problemOf(source: string): string | undefined {
  let problem: string | undefined;
  expect(parseFilter(source, (reported) => (problem = reported)).matches(event)).toBe(problem === undefined ? parseFilter(source).matches(event) : false);
  return problem;
}

describe('parseFilter', () => {
  it.each([
    "action == 'opened'", 'action == "opened"', 'payload.action == "opened"', "payload['action'] == 'opened'", 'trigger_type == "webhook"', 'trigger_id == "gh" and event_id == "webhook:gh:1"',
    "metadata.headers['x-github-event'] == 'push'", 'metadata["signature_verified"] is True', 'count > 2', 'count >= 3', '1 < count <= 3', '1 < count < 4 != 5', 'count != 4', '-count == -3', '- -count == 3',
    'not count == 4', 'not (count == 4)', 'on', 'not off', 'not zero', 'not empty', 'not none', 'not map', 'nothing is None', 'missing is None', 'missing.deeper[3]["x"] is None', 'action is not None',
    "'a' in tags", "'z' not in tags", "action in ['opened', 'closed']", "action in ('opened',)", "action in {'opened', 'closed'}", "'World' in text", "'name' in user", "'b' in tags and count in [1, 2, 3,]",
    'tags[0] == "a"', 'tags[-1] == "b"', 'tags[9] is None', 'tags["x"] is None', 'nested[0][1] == 2', 'nested[1].k == "v"', 'user.roles[0] == "admin"', 'text[0] == "H"',
    'len(tags) == 2', 'len(text) == 11', 'len(user) == 3', 'len(emoji) == 2', 'user.len == 7', 'str(count) == "3"', 'str(on) == "True"', 'str(nothing) == "None"', 'int(amount) == 42', 'int("-7") == -7', 'int(3.9) == 3',
    'float("1.5e2") == 150', 'float(amount) > 41.5', 'bool(tags)', 'not bool(none)', "lower(text) == 'hello world'", "upper(action) == 'OPENED'", "startswith(text, 'He')", "endswith(text, 'ld')", "contains(tags, 'a')", "contains(text, 'lo W')",
    "text.lower().startswith('hello')", "'  x '.strip() == 'x'", "'--x-'.strip('-') == 'x'", "text.endswith(('zz', 'ld'))", "action.upper() == 'OPENED'",
    'True == 1', 'on == 1', 'one == True', 'tags == ["a", "b"]', '(1, 2) == (1, 2)', '{1, 2} == {2, 1, 1}', '[1, 2] < [1, 3]', "'a' < 'b'", "'\\uffff' < '\\ud83d\\ude00'", 'user == payload.user', 'tags != ("a", "b")', '1 != "1"',
    "action == 'opened' or missing > 3", 'off or count', 'on and count == 3', 'off and missing > 3 or on', 'not off and on', 'count == 3 == 3', '0.5 == ratio', '.5 == ratio', '1e3 == 1000', '1.0 == 1',
    "'it\\'s' in payload", "payload[\"it's\"] == 1", "'\\x48\\u0065' == 'He'", '() == ()', 'self == "x"', '"" in text', 'on is True', 'off is False', 'one is not True',
  ])('%s is a match', (source) => {
    expect(matches(source)).toBe(true);
  });

  it.each(["action == 'closed'", 'count > 3', 'on is False', '1 == "1"', 'off', 'zero', 'nothing', 'empty', 'none', '[]', '()', "''", 'missing', 'tags == ("a", "b")', '"z" in tags', '1 < count < 3', 'not on', '0.0', '-0', 'one is True'])('%s is none', (source) => {
    expect(matches(source)).toBe(false);
    expect(problemOf(source)).toBeUndefined();
  });

  it.each([
    ['count > "2"', /no order/], ['missing > 3', /None and a number have no order/], ['"a" in missing', /nothing can be in None/], ['"a" not in count', /nothing can be in a number/], ['1 in text', /only a text/],
    ['len(count)', /len takes/], ['int("x")', /can not read/], ['int("1.5")', /can not read/], ['float("")', /can not read/], [`int("${'1'.repeat(65)}")`, /64 characters/], ['lower(count)', /takes a text/], ['missing.lower()', /takes a text, got None/],
    ['-text', /minus takes/], ['str(tags)', /str takes/], ['user < user', /no order/], ['startswith(text, 1)', /looks for a text/], ['[1] in user', /key of a map/], ['(1,) < [2]', /no order/], ['int(1e20) == int("99999999999999999999")', /exactly/],
  ])('%s has no answer, which is no match and is reported', (source, problem) => {
    expect(problemOf(source)).toMatch(problem);
  });

  it.each([
    ['', 1, /expected a value, found the end/], ['count >', 8, /expected a value/], ['count > 1)', 10, /expected an operator or the end/], ['(count', 7, /"\)"/], ['count = 1', 7, /write ==/], ['a && b', 3, /write and/], ['a || b', 3, /write or/], ['!a', 1, /write not/],
    ['a + 1', 3, /no arithmetic/], ['a * 2', 3, /no arithmetic/], ['a - 1', 3, /an operator or the end/], ['tags[0:1]', 7, /":"/], ['lambda x', 1, /does not have/], ['x if y else z', 3, /does not have/], ['[x for x in tags]', 4, /does not have/],
    ['{}', 1, /items of a set/], ["{'a': 1}", 5, /":"/], ['eval("1")', 1, /no function eval/], ['__import__("os")', 1, /underscore/], ['payload.__class__', 9, /underscore/], ['_x', 1, /underscore/], ['payload._x', 9, /underscore/],
    ['lenn(tags)', 1, /did you mean len/], ['len()', 1, /takes 1/], ['len(a, b)', 1, /takes 1/], ['text.format(1)', 6, /no method format/], ['text.lower(1)', 6, /takes 0/], ['len(x=1)', 6, /write ==/], ['len(*a)', 5, /no arithmetic/], ["f'x'", 1, /prefixes/], ["'''x'''", 1, /triple/],
    ["'x", 1, /no closing/], ["'a\\q'", 3, /not a known escape/], ["'\\x4'", 2, /hexadecimal/], ["'a' 'b'", 5, /between two texts/], ['007', 1, /begin with 0/], ['12345678901234567890', 1, /exactly/], ['1e999', 1, /exactly/], ['1x', 2, /end of the number/],
    ['a is b', 6, /None, True or False/], ['a is 1', 6, /None, True or False/], ['a not b', 7, /"in"/], ['a == not b', 6, /a value/], ['a.', 3, /a name after the dot/], ['a;b', 2, /";"/], ['a @ b', 3, /"@"/], ['(a)(b)', 4, /an operator or the end/], ['a\u00e9', 2, /not part/],
  ] as [string, number, RegExp][])('refuses %s at column %i', (source, column, problem) => {
    expect(() => parseFilter(source)).toThrow(problem);
    try {
      parseFilter(source);
    } catch (error) {
      expect((error as FilterSyntaxError).column).toBe(column);
    }
  });

  it('reaches no prototype', () => {
    for (const name of ['constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']) {
      expect(matches(`payload.${name} is None and ${name} is None and tags['${name}'] is None and text['${name}'] is None`)).toBe(true);
    }
    expect(matches("payload['__proto__'] is None and '__proto__' not in payload and payload['__proto__']['x'] is None")).toBe(true);
    expect(matches("'constructor' in payload")).toBe(false);
    const own = parseFilter("payload['__proto__'].admin == True").matches({ ...event, payload: JSON.parse('{"__proto__": {"admin": true}}') });
    expect(own).toBe(true);
  });

  it('takes a payload that is not a map', () => {
    for (const payload of ['text', 5, null, ['a'], true]) {
      expect(parseFilter('action is None').matches({ ...event, payload })).toBe(true);
      expect(parseFilter('payload == payload').matches({ ...event, payload })).toBe(true);
    }
  });

  // S7
  it('refuses expressions beyond its bounds', () => {
    expect(() => parseFilter(`'${'x'.repeat(2_000)}'`)).toThrow(/2000/);
    expect(() => parseFilter(Array.from({ length: 201 }, () => 'a').join(' or '))).toThrow(/200 parts/);
    expect(() => parseFilter(`${'('.repeat(900)}a${')'.repeat(900)}`)).toThrow(/levels deep/);
    expect(() => parseFilter(`${'not '.repeat(400)}a`)).toThrow(/levels deep/);
    expect(() => parseFilter(`${'-'.repeat(1_500)}1`)).toThrow(/levels deep/);
    expect(() => parseFilter(`a${'.b'.repeat(500)}`)).toThrow(/levels/);
    expect(() => parseFilter(`${'['.repeat(1_000)}`)).toThrow(/levels deep/);
  });

  it('gives up on an event that is too much work, in bounded time', () => {
    const big = { ...event, payload: { a: 'a'.repeat(1_000_000), b: `b${'a'.repeat(500_000)}`, list: Array.from({ length: 300_000 }, (_, index) => index), deep: JSON.parse(`${'['.repeat(150)}${']'.repeat(150)}`) } };
    const problems: string[] = [];
    const reporting = (source: string) => parseFilter(source, (problem) => problems.push(problem)).matches(big);
    expect(reporting('b in a')).toBe(false);
    expect(problems.at(-1)).toMatch(/not searched for/);
    expect(reporting(Array.from({ length: 40 }, () => "lower(a) == 'x'").join(' or '))).toBe(false);
    expect(problems.at(-1)).toMatch(/too much work/);
    expect(reporting(Array.from({ length: 40 }, () => '-1 in list').join(' or '))).toBe(false);
    expect(problems.at(-1)).toMatch(/too much work/);
    // Texts that are slow for backtracking regular expressions (F15) are ordinary here.
    expect(parseFilter("endswith(strip_me.strip(), 'x')").matches({ ...event, payload: { strip_me: `${' '.repeat(60_000)}x` } })).toBe(true);
    expect(reporting('deep == deep')).toBe(true);
    const wide = { ...event, payload: { m: Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`k${index}`, index])) } };
    expect(parseFilter('m and len(m) == 60000', (problem) => problems.push(problem)).matches(wide)).toBe(false);
    expect(problems.at(-1)).toMatch(/too much work/);
  });

  it('never puts a value of the event into a report', () => {
    const secret = 'hunter2';
    const problems: string[] = [];
    for (const source of ['s > 1', '1 in s', '-s', 'int(s)', 'len(5) == s', 's in 5']) parseFilter(source, (problem) => problems.push(problem)).matches({ ...event, payload: { s: secret } });
    expect(problems).toHaveLength(6);
    for (const problem of problems) expect(problem).not.toContain(secret);
  });
});
