import { documentJsonSchema, parseDocument, readDocument, toDocument } from '@cortex-runtime/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';

import { BreakerConfig, BudgetConfig, EscalationTarget, HealthConfig, MissionConfig, SecretScopeConfig, ToolCostAnnotation } from './index.ts';

const schemas = { budget: BudgetConfig, health: HealthConfig, mission: MissionConfig, secrets: SecretScopeConfig, breaker: BreakerConfig, escalation: EscalationTarget, tool_cost: ToolCostAnnotation } as const;
type Section = keyof typeof schemas;

function problems(section: Section, raw: unknown): string[] {
  const result = readDocument(schemas[section], raw);
  return result.ok ? [] : result.issues.map(({ path, message }) => `${path}: ${message}`);
}

describe('the defaults', () => {
  it.each<[Section, Record<string, unknown>]>([
    ['budget', { enabled: false, tool_costs: {}, on_exceeded: 'pause', daily_reset_hour_utc: 0, inject_remaining: true }],
    ['health', { enabled: false, stuck_threshold: 3, loop_window: 20, loop_min_repeats: 2, empty_threshold: 3, empty_max_chars: 10, error_window: 10, error_rate_threshold: 0.5, on_anomaly: 'log', cooldown: 300 }],
    ['mission', { enabled: false, objective: '', success_criteria: '', eval_every: 1, confidence_threshold: 0.7, timeout_hours: 0, max_invocations: 0, auto_complete: true, on_complete: 'stop' }],
    ['secrets', { enabled: false, secrets: {}, ttls: {}, revoke_on_stop: true }],
    ['breaker', { enabled: true, max_depth: 16, max_wakes_per_chain: 50, window: 3_600, allow_self_wake: false }],
    ['escalation', {}],
    ['tool_cost', { cost_weight: 1, irreversible: false }],
  ])('of %s are as documented, in the words and units of documents', (section, expected) => {
    expect(toDocument(schemas[section], parseDocument(schemas[section], {}))).toEqual(expected);
  });
});

describe('the bounds', () => {
  it.each<[Section, Record<string, unknown>, string]>([
    ['budget', { max_tool_calls_per_run: 0 }, 'max_tool_calls_per_run: Too small'],
    ['budget', { max_cost_per_day: 0 }, 'max_cost_per_day: Too small'],
    ['budget', { max_runs_per_day: 1.5 }, 'max_runs_per_day: '],
    ['budget', { max_irreversible_per_run: -1 }, 'max_irreversible_per_run: Too small'],
    ['budget', { daily_reset_hour_utc: 24 }, 'daily_reset_hour_utc: Too big'],
    ['budget', { on_exceeded: 'explode' }, 'on_exceeded: Invalid option'],
    ['budget', { tool_costs: { send: { cost_weigth: 2 } } }, 'tool_costs.send.cost_weigth: unknown key; did you mean "cost_weight"?'],
    ['budget', { max_runs_per_dya: 1 }, 'max_runs_per_dya: unknown key; did you mean "max_runs_per_day"?'],
    ['tool_cost', { cost_weight: -1 }, 'cost_weight: Too small'],
    ['health', { stuck_threshold: 1 }, 'stuck_threshold: Too small'],
    ['health', { loop_window: 3 }, 'loop_window: Too small'],
    ['health', { error_rate_threshold: 0 }, 'error_rate_threshold: Too small'],
    ['health', { error_rate_threshold: 1.1 }, 'error_rate_threshold: Too big'],
    ['health', { cooldown: -1 }, 'cooldown: must be a number of seconds or a duration'],
    ['mission', { eval_every: 0 }, 'eval_every: Too small'],
    ['mission', { confidence_threshold: 2 }, 'confidence_threshold: Too big'],
    ['mission', { on_complete: 'celebrate' }, 'on_complete: Invalid option'],
    ['secrets', { default_ttl: 0 }, 'default_ttl: Too small'],
    ['secrets', { ttls: { a: 0 } }, 'ttls.a: Too small'],
    ['secrets', { secrets: { a: 1 } }, 'secrets.a: expected string'],
    ['breaker', { max_depth: 0 }, 'max_depth: Too small'],
    ['breaker', { window: 0 }, 'window: Too small'],
    ['escalation', { webhook_url: 'ftp://h/' }, 'webhook_url: '],
    ['escalation', { webhook_url: 'not a url' }, 'webhook_url: '],
    ['escalation', { event_type: '' }, 'event_type: Too small'],
  ])('of %s refuse %j', (section, raw, expected) => {
    expect(problems(section, raw)).toEqual([expect.stringContaining(expected)]);
  });

  it.each<[Section, Record<string, unknown>]>([
    ['budget', { max_irreversible_per_run: 0, tool_costs: { read: { cost_weight: 0 } }, on_exceeded: 'escalate', escalation: { webhook_url: 'https://h/hook', event_type: 'budget' } }],
    ['health', { on_anomaly: 'stop', cooldown: '5m', error_rate_threshold: 1 }],
    ['mission', { timeout_hours: '90m', on_complete: 'suspend' }],
    ['secrets', { secrets: { token: '${TOKEN}' }, ttls: { token: '1h' }, default_ttl: 30 }],
    ['escalation', { webhook_url: '${SLACK_WEBHOOK}' }],
    ['escalation', { webhook_url: 'https://hooks.example.com/${HOOK_KEY}' }],
  ])('of %s allow %j', (section, raw) => {
    expect(problems(section, raw)).toEqual([]);
  });
});

describe('the JSON Schemas', () => {
  const ajv = new Ajv2020({ strict: false, formats: { uri: true } });

  it.each(Object.keys(schemas) as Section[])('of %s agree with the reader about arbitrary settings', (section) => {
    const schema: z.ZodType = schemas[section];
    const json = documentJsonSchema(schema) as { properties: Record<string, unknown> };
    const validate = ajv.compile(json);
    const names = Object.keys(json.properties).filter((name) => name !== 'webhook_url');
    const value = fc.oneof(fc.boolean(), fc.integer({ min: -2, max: 30 }), fc.constantFrom('', 'pause', 'stop', 'log', '90s', '1h30m', 'text', '5'), fc.constant({}), fc.integer({ min: 0, max: 200 }).map((hundredths) => hundredths / 100));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names, 'unknown'), value, { maxKeys: 3 }), (raw) => {
        expect(validate(raw)).toBe(readDocument(schema, raw).ok);
      }),
    );
  });

  it.each(Object.keys(schemas) as Section[])('of %s describe every field', (section) => {
    const { properties } = documentJsonSchema(schemas[section]) as { properties: Record<string, { description?: string }> };
    expect(Object.entries(properties).filter(([, { description }]) => description === undefined).map(([name]) => name)).toEqual([]);
  });
});
