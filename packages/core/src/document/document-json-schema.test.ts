import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { duration } from '../duration.ts';
import { documentJsonSchema } from './document-json-schema.ts';
import { readDocument } from './parse-document.ts';

const Config = z.strictObject({
  objective: z.string().describe('What for.'),
  maxTurns: z.int().min(1).default(5),
  timeoutMs: duration('h', { check: (schema) => schema.positive().max(7_200_000) }).default(3_600_000).describe('Limit.'),
  ttls: z.record(z.string(), duration('s')).default({}),
  target: z.union([z.strictObject({ webhookUrl: z.string() }), z.strictObject({ eventType: z.string(), waitMs: duration('s').optional() })]).optional(),
  inner: z.strictObject({ evalEvery: z.int().min(1).default(1) }).prefault({}),
  list: z.array(z.strictObject({ stepName: z.string() })).default([]),
});

describe('documentJsonSchema', () => {
  const schema = documentJsonSchema(Config);
  const validate = new Ajv2020({ strict: false }).compile(schema);

  it('keeps names, descriptions and defaults in the words of documents', () => {
    const properties = schema['properties'] as Record<string, Record<string, unknown>>;
    expect(Object.keys(properties)).toEqual(['objective', 'max_turns', 'timeout_hours', 'ttls', 'target', 'inner', 'list']);
    expect(schema['required']).toEqual(['objective']);
    expect(properties['timeout_hours']).toMatchObject({ description: 'Limit.', default: 1 });
    expect(properties['objective']).toMatchObject({ description: 'What for.', type: 'string' });
  });

  it.each([
    { objective: 'x' },
    { objective: 'x', timeout_hours: 2, ttls: { a: 5, b: '90s' } },
    { objective: 'x', timeout_hours: '1h30m', target: { event_type: 'e', wait: '5s' } },
    { objective: 'x', timeout_hours: '0.5' },
    { objective: 'x', target: { webhook_url: 'u' }, inner: { eval_every: 2 }, list: [{ step_name: 's' }] },
    {},
    { objective: 'x', maxTurns: 3 },
    { objective: 'x', max_turns: 0 },
    { objective: 'x', timeout_hours: 0 },
    { objective: 'x', timeout_hours: 3 },
    { objective: 'x', timeout_hours: 'soon' },
    { objective: 'x', target: { wait: 3 } },
    { objective: 'x', inner: { eval_every: 0 } },
    { objective: 'x', inner: null },
    { objective: 'x', list: [{ stepName: 's' }] },
  ])('accepts and refuses %j as the reader does', (document) => {
    expect(validate(document)).toBe(readDocument(Config, document).ok);
  });
});
