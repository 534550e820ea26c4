import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { agentManifestJsonSchema } from './agent-manifest-json-schema.ts';
import { ManifestError } from './errors.ts';
import { parseManifest } from './parse-manifest.ts';
import { manifestTemplate, manifestTemplates } from './templates/manifest-template.ts';

const schema = agentManifestJsonSchema();
const validate = new Ajv2020({ strict: false, formats: { uri: true } }).compile(schema);

describe('the JSON Schema of manifests', () => {
  it('is published as it is now (npx vitest run -u writes it)', async () => {
    await expect(`${JSON.stringify(schema, null, 1)}\n`).toMatchFileSnapshot('../agent.schema.json');
  });

  it.each(manifestTemplates)('accepts the %s template', (template) => {
    expect(validate(parse(manifestTemplate(template, { name: 'x' }))) ? [] : validate.errors).toEqual([]);
  });

  it.each([
    'name: x\nversion: 1.0',
    'name: x\nconfig: {concurrency: "${N:-2}", idle_timeout: 5m, journal: {level: "${LEVEL:-full}"}}',
    'name: x\nservers: {a: {url: "http://h/", timeout: 90s}, b: {command: x, on_unknown: {t: retry}}}',
    'name: x\nplugins: {calendar: {path: ./c, settings: {url: "${URL}"}, allow: [a], actions: {a: {tier: "${TIER:-confirm}", timeout: 30s, approval_ttl: 8h, on_unknown: ask}}}}',
    'name: x\nplugins: {calendar: {actions: {a: {tier: ask}}}}',
    'name: x\nplugins: {calendar: {acions: {}}}',
    'name: x\nplugins: {a__b: {}}',
    'name: x\nservers: {a: {command: x, tiers: {pay: confirm, "*": auto}, approval_ttl: 1h}}',
    'name: x\nservers: {a: {command: x, tiers: {pay: comfirm}}}',
    'name: x\ntriggers: [{type: cron, cron_expression: "* * * * *", misfire: all}]',
    'name: x\nworld: {any: [thing]}\nmemory: {max: 3}\nmission: {timeout_hours: 1h}',
    'model: a:b',
    'name: a b',
    'name: x\nversion: "2.0"',
    'name: x\nmodle: a:b',
    'name: x\nconcurrency: 2',
    'name: x\nconfig: {concurrency: 0}',
    'name: x\nconfig: {concurrency: two}',
    'name: x\nconfig: {budget: {max_runs_per_day: 0}}',
    'name: x\njournal: {level: loud}',
    'name: x\nservers: {a: {comand: x}}',
    'name: x\ntriggers: [{type: cron, cronExpression: "* * * * *"}]',
    'name: x\ncontext: {memory_min_score: 2}',
  ])('agrees with the loader about %j', (text) => {
    let isAccepted = true;
    try {
      parseManifest(text, 'x.agent');
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      isAccepted = false;
    }
    expect(validate(parse(text))).toBe(isAccepted);
  });

  it('describes what it offers, so that an editor can show it', () => {
    const { properties } = schema as { properties: Record<string, { description?: string }> };
    const silent = Object.entries(properties).filter(([, { description }]) => description === undefined).map(([key]) => key);
    expect(silent).toEqual([]);
  });
});
