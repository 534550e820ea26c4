import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { duration } from '../duration.ts';
import { DocumentError, formatPath } from './document-error.ts';
import { documentFieldName } from './field-name.ts';
import { parseDocument, readDocument, readDocumentInput } from './parse-document.ts';
import { toDocument } from './to-document.ts';

const Server = z.union([
  z.strictObject({ command: z.string(), keepAlive: z.boolean().default(true), timeoutMs: duration('s').optional() }),
  z.strictObject({ url: z.string(), bearerToken: z.string().optional(), retry: z.union([z.literal('never'), z.strictObject({ maxTimes: z.int(), waitMs: duration('s') })]).optional() }),
]);
const Shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('circle'), radiusCm: z.number() }),
  z.strictObject({ kind: z.literal('box'), sideCm: z.number(), coolDownMs: duration('s') }),
]);
const Agent = z.strictObject({
  model: z.string().default('offline'),
  concurrency: z.int().min(1).max(100).default(1),
  idleTimeoutMs: duration('s').default(0),
  missionTimeoutMs: duration('h').default(0),
  watchDebounceMs: duration('s', { name: 'watch_debounce_seconds' }).default(500),
  pollMs: duration('ms').default(5),
  isDraining: z.boolean().default(false),
  level: z.enum(['none', 'checkpoint', 'full']).default('full'),
  servers: z.record(z.string(), Server).default({}),
  initialState: z.record(z.string(), z.unknown()).default({}),
  tags: z.array(z.string()).default([]),
  shapes: z.array(Shape).default([]),
  nested: z.strictObject({ maxRetries: z.int().default(3), waits: z.array(duration('s')).default([]) }).prefault({}),
  note: z.string().nullable().optional(),
});

function problems(schema: z.ZodType, raw: unknown, environment?: Record<string, string>): string[] {
  const result = readDocument(schema, raw, environment === undefined ? {} : { environment });
  return result.ok ? [] : result.issues.map(({ path, message }) => `${path}: ${message}`);
}

describe('documents', () => {
  it.each([
    ['maxRestarts', z.int(), 'max_restarts'],
    ['idleTimeoutMs', duration('s'), 'idle_timeout'],
    ['timeoutMs', duration('h').default(0), 'timeout_hours'],
    ['pollMs', duration('ms').optional(), 'poll_ms'],
    ['watchDebounceMs', duration('s', { name: 'watch_debounce_seconds' }), 'watch_debounce_seconds'],
    ['dailyResetHourUtc', z.int(), 'daily_reset_hour_utc'],
    ['plainMs', z.number(), 'plain_ms'],
    ['describedMs', duration('s').describe('kept through describe'), 'described'],
  ])('name %s as documents do', (key, schema, name) => {
    expect(documentFieldName(key, schema)).toBe(name);
  });

  it('read every field, fill in defaults, and turn durations into milliseconds', () => {
    expect(
      parseDocument(Agent, { idle_timeout: '1h30m', mission_timeout_hours: 0.5, watch_debounce_seconds: 1.1, servers: { my_Server: { command: 'x', timeout: 2 } }, nested: { waits: [1, '2s'] } }),
    ).toMatchObject({
      model: 'offline',
      idleTimeoutMs: 5_400_000,
      missionTimeoutMs: 1_800_000,
      watchDebounceMs: 1_100,
      servers: { my_Server: { command: 'x', keepAlive: true, timeoutMs: 2_000 } },
      nested: { maxRetries: 3, waits: [1_000, 2_000] },
    });
  });

  it('never rename the keys of maps', () => {
    const value = parseDocument(Agent, { initial_state: { someKey: { other_key: 1, camelKey: 2 } } });
    expect(value.initialState).toEqual({ someKey: { other_key: 1, camelKey: 2 } });
    expect(toDocument(Agent, value)).toMatchObject({ initial_state: { someKey: { other_key: 1, camelKey: 2 } } });
  });

  it.each([
    [{ idle_timout: 3 }, 'idle_timout: unknown key; did you mean "idle_timeout"?'],
    [{ idleTimeoutMs: 3 }, 'idleTimeoutMs: unknown key; did you mean "idle_timeout"?'],
    [{ nested: { zzzzzzzz: 1 } }, 'nested.zzzzzzzz: unknown key; valid keys are max_retries, waits'],
    [{ concurrency: 0 }, 'concurrency: Too small: expected number to be >=1, got 0'],
    [{ concurrency: '4' }, 'concurrency: expected number, got "4"'],
    [{ idle_timeout: 'soon' }, 'idle_timeout: must be a number of seconds or a duration such as "90s", "5m" or "2h", got "soon"'],
    [{ idle_timeout: -1 }, 'idle_timeout: must be a number of seconds or a duration such as "90s", "5m" or "2h", got -1'],
    [{ nested: { waits: [1, 'x'] } }, 'nested.waits[1]: must be a number of seconds or a duration such as "90s", "5m" or "2h", got "x"'],
    [{ level: 'ful' }, 'level: Invalid option: expected one of "none"|"checkpoint"|"full", got "ful"'],
    [{ servers: { 'my server': { command: 1 } } }, 'servers["my server"].command: expected string, got 1'],
    [{ servers: { a: { comand: 'x' } } }, 'servers.a.comand: unknown key; did you mean "command"?'],
    [{ shapes: [{ kind: 'box', side_cm: 1, cool_down: 'later' }] }, 'shapes[0].cool_down: must be a number of seconds or a duration such as "90s", "5m" or "2h", got "later"'],
    [{ servers: { a: { url: 'u', berer_token: 't' } } }, 'servers.a.berer_token: unknown key; did you mean "bearer_token"?'],
    [{ servers: { a: { url: 'u', retry: { max_times: 'x', wait: 1 } } } }, 'servers.a.retry.max_times: expected number, got "x"'],
    [{ servers: { a: { keep_alive: false } } }, 'servers.a.command: expected string, got nothing'],
    [{ servers: { a: 3 } }, 'servers.a: expected object, got 3'],
    [[], '(document): expected object, got a list of 0'],
    [null, '(document): expected object, got null'],
  ])('refuse %j with the path and the fix', (raw, expected) => {
    expect(problems(Agent, raw)).toContain(expected);
  });

  it('report everything that is wrong, not only the first', () => {
    expect(problems(Agent, { concurency: 2, concurrency: 0, nested: { max_retries: 'x' } })).toHaveLength(3);
    expect(() => parseDocument(Agent, { concurrency: 0, tags: 3 }, 'the manifest')).toThrow(DocumentError);
    expect(() => parseDocument(Agent, { concurrency: 0, tags: 3 }, 'the manifest')).toThrow(/^the manifest is not valid: concurrency: .*; tags: /);
  });

  it('say once that a key is misspelt, not also that the right one is missing', () => {
    expect(problems(Agent, { servers: { a: { comand: 'x' } } })).toEqual(['servers.a.comand: unknown key; did you mean "command"?']);
    expect(problems(Agent, { shapes: [{ kind: 'circle', radius_mm: 1 }] })).toEqual(['shapes[0].radius_mm: unknown key; did you mean "radius_cm"?']);
  });

  it('report a hundred problems at most, so that a hostile document costs little', () => {
    const raw = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`unknown_key_number_${index}`, 1]));
    expect(problems(Agent, raw)).toHaveLength(100);
    expect(problems(Agent, { tags: Array.from({ length: 100_000 }, () => 1) })).toHaveLength(100);
  });

  it('do not repeat a long or odd text, as it could be a secret', () => {
    const [problem] = problems(Agent, { concurrency: 'sk-'.padEnd(60, 'x') });
    expect(problem).toBe('concurrency: expected number, got text of 60 characters');
  });

  it('refuse __proto__ wherever keys are read, and pollute nothing', () => {
    for (const text of ['{"__proto__": {"concurrency": 5}}', '{"servers": {"__proto__": {"command": "x"}}}', '{"nested": {"__proto__": {}}}']) {
      expect(problems(Agent, JSON.parse(text))).toEqual([expect.stringMatching(/__proto__: is not allowed as a key/)]);
    }
    expect(({} as { concurrency?: number }).concurrency).toBeUndefined();
  });

  it('keep a __proto__ key inside free data an ordinary key', () => {
    const value = parseDocument(Agent, { initial_state: { data: JSON.parse('{"__proto__": {"a": 1}}') as unknown } });
    expect(JSON.stringify(value.initialState)).toBe('{"data":{"__proto__":{"a":1}}}');
  });

  it('give what was written, without defaults, when asked for it', () => {
    const raw = { idle_timeout: '5m', nested: { max_retries: 1 }, servers: { a: { url: 'http://x', retry: { max_times: 2, wait: 1 } } } };
    const result = readDocumentInput(Agent, raw);
    expect(result).toEqual({ ok: true, value: { idleTimeoutMs: 300_000, nested: { maxRetries: 1 }, servers: { a: { url: 'http://x', retry: { maxTimes: 2, waitMs: 1_000 } } } } });
    expect(readDocumentInput(Agent, { concurrency: 0 }).ok).toBe(false);
  });
});

describe('references in documents', () => {
  const environment = { N: '7', IDLE: '90s', DRAIN: 'true', LEVEL: 'none', WORD: 'many' };

  it('are resolved where a number, a boolean, a duration or one of a set of words is expected', () => {
    const raw = { concurrency: '${N}', idle_timeout: '${IDLE}', is_draining: '${DRAIN}', level: '${LEVEL}', nested: { max_retries: '${M:-2}' } };
    expect(parseDocument(Agent, raw, 'it', { environment })).toMatchObject({ concurrency: 7, idleTimeoutMs: 90_000, isDraining: true, level: 'none', nested: { maxRetries: 2 } });
  });

  it('stay references in texts and in free data', () => {
    const raw = { model: '${MODEL}', servers: { a: { url: 'http://${HOST}', bearer_token: '${TOKEN}' } }, initial_state: { n: '${N}' } };
    expect(parseDocument(Agent, raw, 'it', { environment })).toMatchObject({
      model: '${MODEL}',
      servers: { a: { url: 'http://${HOST}', bearerToken: '${TOKEN}' } },
      initialState: { n: '${N}' },
    });
  });

  it('stay references where a text is one of the possibilities', () => {
    expect(parseDocument(z.strictObject({ limit: z.union([z.int(), z.string()]) }), { limit: '${N}' }, 'it', { environment })).toEqual({ limit: '${N}' });
    expect(parseDocument(z.strictObject({ limit: z.union([z.int(), z.boolean()]) }), { limit: '${N}' }, 'it', { environment })).toEqual({ limit: 7 });
  });

  it('are refused when they do not give what is expected, or nothing', () => {
    expect(problems(Agent, { concurrency: '${WORD}' }, environment)).toEqual(['concurrency: expected number, got "many"']);
    expect(problems(Agent, { concurrency: '${NONE}' }, environment)).toEqual(['concurrency: the environment variable NONE is not set; set it, or write a default as ${NONE:-value}']);
    expect(problems(Agent, { concurrency: '${N}' })).toEqual(['concurrency: expected number, got text of 4 characters']);
  });
});

describe('the document form', () => {
  const wholeMs = fc.nat({ max: 10 ** 12 });
  const data = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }).filter((record) => !Object.hasOwn(record, '__proto__'));
  const retry = fc.oneof(fc.constant('never' as const), fc.record({ maxTimes: fc.nat(), waitMs: wholeMs }));
  const server = fc.oneof(
    fc.record({ command: fc.string(), keepAlive: fc.boolean(), timeoutMs: wholeMs }, { requiredKeys: ['command', 'keepAlive'] }),
    fc.record({ url: fc.string(), bearerToken: fc.string(), retry }, { requiredKeys: ['url'] }),
  );
  const shape = fc.oneof(
    fc.record({ kind: fc.constant('circle' as const), radiusCm: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
    fc.record({ kind: fc.constant('box' as const), sideCm: fc.integer(), coolDownMs: wholeMs }),
  );
  const agent = fc.record({
    model: fc.string(),
    concurrency: fc.integer({ min: 1, max: 100 }),
    idleTimeoutMs: wholeMs,
    missionTimeoutMs: wholeMs,
    watchDebounceMs: wholeMs,
    pollMs: wholeMs,
    isDraining: fc.boolean(),
    level: fc.constantFrom('none' as const, 'checkpoint' as const, 'full' as const),
    servers: fc.dictionary(fc.string().filter((key) => key !== '__proto__'), server, { maxKeys: 3 }),
    initialState: data,
    tags: fc.array(fc.string()),
    shapes: fc.array(shape, { maxLength: 3 }),
    nested: fc.record({ maxRetries: fc.nat(), waits: fc.array(wholeMs) }),
    note: fc.option(fc.string()),
  });

  it('reads back as the value that it was made from', () => {
    fc.assert(
      fc.property(agent, (value) => {
        expect(parseDocument(Agent, toDocument(Agent, value))).toEqual(value);
      }),
    );
  });

  it('survives JSON', () => {
    fc.assert(
      fc.property(agent, (value) => {
        const document = toDocument(Agent, value);
        expect(toDocument(Agent, parseDocument(Agent, JSON.parse(JSON.stringify(document))))).toEqual(JSON.parse(JSON.stringify(document)));
      }),
    );
  });

  it('leaves out what is undefined', () => {
    expect(toDocument(Agent, { note: undefined, model: 'm', servers: { a: { command: 'x', timeoutMs: undefined } } })).toEqual({ model: 'm', servers: { a: { command: 'x' } } });
  });

  it('never throws on, and never accepts, arbitrary JSON that does not fit', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (raw) => {
        const result = readDocument(Agent, raw, { environment: {} });
        if (result.ok) expect(Agent.safeParse(result.value).success).toBe(true);
        else expect(result.issues.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('paths', () => {
  it('read as they would be written in code', () => {
    expect(formatPath(['triggers', 0, 'cron_expression'])).toBe('triggers[0].cron_expression');
    expect(formatPath(['servers', 'my server', 'url'])).toBe('servers["my server"].url');
    expect(formatPath([])).toBe('(document)');
  });

  it('says that an object with a prototype of its own is no plain map', () => {
    class Query {
      limit = 5;
    }
    const result = readDocument(z.strictObject({ maxItems: z.number().optional() }), new Query());
    expect(result).toMatchObject({ ok: false, issues: [{ path: '(document)', message: expect.stringMatching(/plain map/) as string }] });
  });
});
