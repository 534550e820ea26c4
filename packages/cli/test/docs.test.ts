import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseManifest } from '@cortex-runtime/manifest';
import { describe, expect, it } from 'vitest';

import { manifestFieldTables } from './manifest-fields.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const guide = join(root, 'docs/manifest.md');
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
});

/** Every document of people who read before they write. */
const documents = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`), ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`), 'examples/plugins/cortex-plugin-calendar/README.md'];

describe('the manifests that documents show', () => {
  const shown = documents.flatMap((document) => [...readFileSync(join(root, document), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = ''], index) => ({ document, number: index + 1, text }))).filter(({ text }) => !text.startsWith('rules:')); // a script of the scripted model

  // Part of a manifest is shown as such: it stands at the top of one.
  it.each(shown)('are valid: $document, $number', ({ document, text }) => {
    const whole = /^name:/m.test(text) ? text : `name: example\n${text}`;
    expect(() => parseManifest(whole, document)).not.toThrow();
  });
});
