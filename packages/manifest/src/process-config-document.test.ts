import { DocumentError } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { parseManifest } from './parse-manifest.ts';
import { ProcessConfig } from './process-config.ts';
import { manifestDigest, processConfigFromDocument, processConfigToDocument } from './process-config-document.ts';
import { manifestTemplate } from './templates/manifest-template.ts';

const full = parseManifest(manifestTemplate('full', { name: 'x' }), 'x').config;

describe('the document of a process configuration', () => {
  it('reads back as the same configuration, after JSON too', () => {
    for (const config of [full, ProcessConfig.parse({})]) {
      expect(processConfigFromDocument(JSON.parse(JSON.stringify(processConfigToDocument(config))))).toEqual(config);
    }
  });

  it('has the names and units of the seeds', () => {
    expect(processConfigToDocument(full)).toMatchObject({
      idle_timeout: 600,
      heartbeat_interval: 10,
      trigger_delivery: { retry_backoff: 2, retry_backoff_max: 60 },
      mission: { timeout_hours: 0 },
      triggers: [{ cron_expression: '*/30 * * * *' }, { hmac_secret: '${WEBHOOK_SECRET}', signature_tolerance: 300 }, { watch_debounce_seconds: 0.5 }],
      context: { memory_timeout: 5, initial_state: { orders_seen: 0 } },
    });
  });

  it('is refused with every issue when it is not valid', () => {
    expect(() => processConfigFromDocument({ concurrency: 0, modle: 'x' })).toThrow(DocumentError);
  });
});

describe('manifestDigest', () => {
  const digest = (text: string) => manifestDigest(parseManifest(text, 'x').config);

  it('is the same for manifests that mean the same, however they are written', () => {
    const one = digest('name: x\nbudget: {enabled: true, max_runs_per_day: 3}\nconfig: {idle_timeout: 2m}\nworld: {a: 1, b: 2}');
    expect(digest('name: y\nconfig:\n  idle_timeout: 120 # seconds\n  budget: {max_runs_per_day: 3, enabled: true}\n  context: {initial_state: {b: 2, a: 1}}')).toBe(one);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
  });

  it('differs when anything differs', () => {
    const digests = ['name: x', 'name: x\nmodel: a:b', 'name: x\nworld: {a: 1}', 'name: x\nworld: {a: "1"}', 'name: x\nservers: {a: {command: x, args: [a b]}}', 'name: x\nservers: {a: {command: x, args: [a, b]}}'].map(digest);
    expect(new Set(digests).size).toBe(digests.length);
  });
});
