import { InvalidInputError } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { manifestWarnings } from '../manifest-warnings.ts';
import { parseManifest } from '../parse-manifest.ts';
import { AgentManifestSchema } from '../agent-manifest.ts';
import { manifestTemplate, manifestTemplates } from './manifest-template.ts';

describe('manifestTemplate', () => {
  it.each(manifestTemplates)('%s is valid, has comments, and nothing to warn about but what it explains', (template) => {
    const text = manifestTemplate(template, { name: 'my-agent' });
    const parsed = parseManifest(text, 'my-agent.agent');
    expect(parsed.manifest.name).toBe('my-agent');
    expect(text).toMatch(/^# yaml-language-server: \$schema=https:/);
    expect(manifestWarnings(parsed).map(({ path }) => path)).toEqual(template === 'basic' ? ['triggers', 'servers'] : []);
  });

  it.each([['cron', 'cron'], ['webhook', 'webhook'], ['file-watch', 'file_watch']] as const)('%s wakes by %s', (template, type) => {
    expect(parseManifest(manifestTemplate(template, { name: 'x' }), 'x').config.triggers.map((trigger) => trigger.type)).toEqual([type]);
  });

  it('full shows every section', () => {
    const shown = Object.keys(parseManifest(manifestTemplate('full', { name: 'x' }), 'x').manifest);
    const notShown = Object.keys(AgentManifestSchema.shape).filter((key) => !shown.includes(key));
    expect(notShown).toEqual(['identity', 'openMode', 'approval', 'entrypoint']);
  });

  it('refuses a name that would make the manifest invalid', () => {
    for (const name of ['', 'a b', '1a', 'x\nmodel: y', 'a'.repeat(65)]) expect(() => manifestTemplate('basic', { name })).toThrow(InvalidInputError);
  });
});
