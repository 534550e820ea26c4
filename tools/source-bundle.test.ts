import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from './repository.ts';
import { bundleSource } from './source-bundle.mjs';

mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
const folder = mkdtempSync(join(root, 'node_modules/.cache/source-bundle-test-'));
afterAll(() => {
  const cache = join(root, 'node_modules/.cache/cortex');
  for (const name of readdirSync(cache)) if (name.includes(basename(folder))) rmSync(join(cache, name), { recursive: true });
  rmSync(folder, { recursive: true });
});

const entry = relative(root, join(folder, 'main.ts'));
const write = (file: string, code: string): void => writeFileSync(join(folder, file), code);
const load = async (path: string): Promise<{ greeting: string; packageName: string }> =>
  (await import(/* @vite-ignore */ pathToFileURL(path).href)) as { greeting: string; packageName: string };

describe('bundleSource', () => {
  it('runs TypeScript with workspace code from sources, and bundles again only after a change', async () => {
    write('word.ts', "export const word: string = 'hello';\n");
    write('main.ts', "import { CortexError } from '@cortex-runtime/core';\nimport { word } from './word.ts';\nexport const greeting: string = word;\nexport const packageName = CortexError.name;\n");
    const first = await bundleSource(entry);
    expect(await load(first)).toMatchObject({ greeting: 'hello', packageName: 'CortexError' });
    expect(await bundleSource(entry), 'nothing changed').toBe(first);

    write('word.ts', "export const word: string = 'good morning';\n");
    const second = await bundleSource(entry);
    expect(second).not.toBe(first);
    expect((await load(second)).greeting).toBe('good morning');
    expect((await load(first)).greeting, 'a process that started from the first bundle keeps it').toBe('hello');
  });

  it("gives each workspace its own version of a package, where that is not the root's", async () => {
    // ajv: 6 for eslint at the root, 8 in our packages; 6 has no such export, so the import itself would fail
    write('main.ts', "import { validateArguments } from '@cortex-runtime/plugins';\nexport const greeting = validateArguments({ name: 't', inputSchema: { type: 'object' } }, {}).ok ? 'valid' : 'not valid';\n");
    expect((await load(await bundleSource(entry))).greeting).toBe('valid');
  });

  it('refuses code that does not compile, and keeps no trace of it', async () => {
    write('main.ts', 'export const = ;\n');
    await expect(bundleSource(entry)).rejects.toThrow();
    write('main.ts', "export const greeting = 'mended';\n");
    expect((await load(await bundleSource(entry))).greeting).toBe('mended');
  });
});
