import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { nodeDisk } from '@cortex-runtime/core/node';
import { discoverPlugins } from '@cortex-runtime/plugins';
import { pluginProblems } from '@cortex-runtime/testing/plugin-test-kit';
import { build } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';

import { pluginNameOf } from '../src/index.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const command = join(import.meta.dirname, '../bin/create-cortex-plugin.mjs');

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'create-cortex-plugin-'));
  onTestFinished(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

/** Runs the command as npm would. */
async function create(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await run(process.execPath, [command, ...args], { cwd })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe('create-cortex-plugin', () => {
  it('writes a plugin that type-checks, passes its own tests and is found by the registry', async () => {
    const cwd = await folder();
    expect(await create(cwd, 'cortex-plugin-sticky-notes', '--name', '@acme/cortex-plugin-sticky-notes')).toMatchObject({ code: 0, stderr: '' });
    const plugin = join(cwd, 'cortex-plugin-sticky-notes');
    expect((await readdir(plugin, { recursive: true })).sort()).toEqual(['.gitignore', 'README.md', 'package.json', 'src', 'src/plugin.test.ts', 'src/plugin.ts', 'tsconfig.json', 'vitest.config.ts']);
    const manifest = JSON.parse(await readFile(join(plugin, 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(manifest).toMatchObject({ name: '@acme/cortex-plugin-sticky-notes', cortex: { plugin: './dist/plugin.js', name: 'sticky-notes' }, peerDependencies: { '@cortex-runtime/plugins': expect.stringMatching(/^\^\d/) as unknown } });
    for (const file of await readdir(join(plugin, 'src'))) expect(await readFile(join(plugin, 'src', file), 'utf8')).not.toMatch(/\{\{|\}\}[^)\s;,]/);

    // In place of `npm install`: the packages of this repository, read from their sources.
    await symlink(join(root, 'node_modules'), join(plugin, 'node_modules'));
    await writeFile(join(plugin, 'vitest.from-sources.config.ts'), `const conditions = ['@cortex-runtime/source', 'module', 'node', 'development|production'];\nexport default { resolve: { conditions }, ssr: { resolve: { conditions } }, test: { include: ['src/**/*.test.ts'] } };\n`);
    await writeFile(join(plugin, 'tsconfig.check.json'), JSON.stringify({ extends: './tsconfig.json', compilerOptions: { noEmit: true, rootDir: '/', lib: ['ES2023', 'ES2024.String', 'ESNext.Disposable'], customConditions: ['@cortex-runtime/source'], allowImportingTsExtensions: true }, include: ['src'], exclude: [] }));
    await run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.check.json'], { cwd: plugin }).catch((error: { stdout: string }) => expect(error.stdout).toBe(''));
    const { stdout } = await run(join(root, 'node_modules/.bin/vitest'), ['run', '--config', 'vitest.from-sources.config.ts', '--reporter', 'json'], { cwd: plugin });
    expect(JSON.parse(stdout.slice(stdout.indexOf('{')))).toMatchObject({ numPassedTests: 3, numFailedTests: 0 });

    await build({ entryPoints: [join(plugin, 'src/plugin.ts')], outfile: join(plugin, 'dist/plugin.js'), bundle: true, format: 'esm', platform: 'node', conditions: ['@cortex-runtime/source'], logLevel: 'error' });
    const [found] = await discoverPlugins({ disk: nodeDisk }, { from: plugin, packages: [], paths: ['.'] });
    expect(found?.error).toBeUndefined();
    expect(found?.plugin).toMatchObject({ name: 'sticky-notes' });
    const made = found?.plugin;
    if (made === undefined) throw new Error('no plugin');
    expect(await pluginProblems(() => made, { credentials: { sticky_notes_api_key: 'k' } })).toContainEqual(expect.stringMatching(/setup: fetch failed/));
  }, 120_000);

  it('overwrites nothing', async () => {
    const cwd = await folder();
    await mkdir(join(cwd, 'taken'));
    await writeFile(join(cwd, 'taken', 'thesis.txt'), 'mine');
    expect(await create(cwd, 'taken')).toMatchObject({ code: 1, stderr: expect.stringContaining('is not empty (thesis.txt)') as unknown });
    expect(await readdir(join(cwd, 'taken'))).toEqual(['thesis.txt']);
  });

  it.each([['Notes'], ['a b'], ['cortex-plugin-a__b'], ['@acme/'], ['../up']])('refuses the package name %j', async (name) => {
    const cwd = await folder();
    expect((await create(cwd, 'here', '--name', name)).code).toBe(1);
    expect(await readdir(cwd)).toEqual([]);
  });

  it('says how it is called, and its version', async () => {
    const cwd = await folder();
    expect(await create(cwd)).toMatchObject({ code: 2, stderr: expect.stringContaining('npm create') as unknown });
    expect(await create(cwd, '--no-such-flag')).toMatchObject({ code: 2 });
    expect((await create(cwd, '--help')).stdout).toContain('npm create');
    expect((await create(cwd, '--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('names the plugin after the package', () => {
    expect(['cortex-plugin-notes', '@acme/cortex-plugin-sticky-notes', 'my.tool', 'tool'].map(pluginNameOf)).toEqual(['notes', 'sticky-notes', 'my-tool', 'tool']);
  });
});
