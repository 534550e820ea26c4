import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { parseManifest } from '@cortex-runtime/manifest';
import { describe, expect, it } from 'vitest';

import { manifestFieldTables } from './manifest-fields.ts';

const guide = fileURLToPath(new URL('../../../docs/manifest.md', import.meta.url));
const begin = '<!-- fields: made from the schema by packages/cli/test/docs.test.ts; UPDATE_DOCS=1 writes them anew -->\n';
const end = '<!-- end of fields -->\n';

describe('docs/manifest.md', () => {
  it('has the fields that the schema has', () => {
    const text = readFileSync(guide, 'utf8');
    const [before, rest] = text.split(begin);
    const [, after] = rest?.split(end) ?? [];
    expect(after).toBeDefined();
    const current = `${before}${begin}\n${manifestFieldTables()}\n\n${end}${after}`;
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(guide, current);
    expect(readFileSync(guide, 'utf8')).toBe(current);
  });

  it('shows manifests that are valid', () => {
    const examples = [...readFileSync(guide, 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text).filter((text) => /^name:/m.test(text));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const text of examples) expect(parseManifest(text, 'docs/manifest.md').manifest.name).not.toBe('');
  });
});
