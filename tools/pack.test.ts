import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { readWorkspaces, root, type Workspace } from './repository.ts';

// This is how "install only what you need" stays true: each package alone, from its tarball, in a folder that knows nothing of the repository.

const run = promisify(execFile);
const published = readWorkspaces().filter(({ manifest }) => manifest.private !== true);
const byName = new Map(published.map((workspace) => [workspace.manifest.name, workspace]));

/** `npm run` hands the repository's own npm settings (engine-strict, workspaces ...) to its children; a stranger has none of them. */
const strangersEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key) || /^npm_config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|noproxy|cafile)$/i.test(key)),
);
/** What people install alone to build their own mesh: nothing in their READMEs is shown and not run. */
const theFive = new Set(['bus', 'dispatch', 'memory', 'plugins', 'session'].map((name) => `@cortex-runtime/${name}`));
const base = mkdtempSync(join(tmpdir(), 'cortex-pack-'));
const tarballs = new Map<string, string>();

beforeAll(async () => {
  const unbuilt = published.filter(({ folder }) => !existsSync(join(root, folder, 'dist'))).map(({ folder }) => folder);
  if (unbuilt.length > 0) throw new Error(`not built: ${unbuilt.join(', ')}; run "npm run build" first`);
  const folders = published.flatMap(({ folder }) => ['--workspace', folder]);
  const { stdout } = await run('npm', ['pack', ...folders, '--pack-destination', base, '--json', '--ignore-scripts'], { cwd: root, maxBuffer: 64e6 });
  for (const { name, filename } of packedFiles(JSON.parse(stdout))) tarballs.set(name, join(base, filename));
});

afterAll(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }));

/** npm 10 and 11.0 print a list; later npm 11 prints a record by package name. */
function packedFiles(report: unknown): { name: string; filename: string }[] {
  return Object.values(report as Record<string, { name: string; filename: string }>);
}

/** Packages of this repository that `name` brings with it. */
function closureOf(name: string, found = new Set<string>()): Set<string> {
  for (const dependency of Object.keys(byName.get(name)?.manifest.dependencies ?? {})) {
    if (!byName.has(dependency) || found.has(dependency)) continue;
    found.add(dependency);
    closureOf(dependency, found);
  }
  return found;
}

const tarballOf = (name: string): string => {
  const path = tarballs.get(name);
  if (path === undefined) throw new Error(`${name} was not packed`);
  return `file:${path}`;
};

/** What is published as code; the rest (package.json, a JSON Schema) is files. */
const subpathsOf = ({ manifest }: Workspace): string[] =>
  Object.entries(manifest.exports ?? {}).filter(([, target]) => typeof target === 'object').map(([subpath]) => manifest.name + subpath.slice(1));

const filesOf = ({ manifest }: Workspace): string[] => Object.values(manifest.exports ?? {}).filter((target) => typeof target === 'string');

const optionalPeersOf = ({ manifest }: Workspace): string[] =>
  Object.entries(manifest.peerDependenciesMeta ?? {}).filter(([, { optional }]) => optional === true).map(([name]) => name);

/** An empty folder with these packages in it, as a stranger would install them: ours from their tarballs, others as the registry has them. */
async function installTogether(folderName: string, names: readonly string[]): Promise<string> {
  const folder = join(base, folderName);
  mkdirSync(folder);
  const ours = names.filter((name) => byName.has(name));
  const closure = [...new Set(ours.flatMap((name) => [...closureOf(name)]))].filter((dependency) => !ours.includes(dependency));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({
    private: true,
    type: 'module',
    dependencies: { ...Object.fromEntries(ours.map((name) => [name, tarballOf(name)])), ...Object.fromEntries(names.filter((name) => !byName.has(name)).map((name) => [name, tarballs.has(name) ? tarballOf(name) : installedVersion(name)])) },
    overrides: { ...Object.fromEntries(closure.map((dependency) => [dependency, tarballOf(dependency)])), ...Object.fromEntries(ours.map((name) => [name, `$${name}`])) },
  }));
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock', '--loglevel=error'], { cwd: folder, env: strangersEnvironment });
  return folder;
}

const installAlone = (name: string): Promise<string> => installTogether(name.replaceAll(/\W+/g, '-'), [name]);

/** The version of a package of others that the repository itself uses. */
function installedVersion(name: string): string {
  return (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;
}

/** Imports each specifier under plain Node and tells for each `ok` or the error's message. */
async function importEach(folder: string, specifiers: readonly string[]): Promise<Record<string, string>> {
  const script = `const results = {};
for (const specifier of ${JSON.stringify(specifiers)}) {
  try { await import(specifier); results[specifier] = 'ok'; } catch (error) { results[specifier] = String(error?.message ?? error); }
}
process.stdout.write('\\n' + JSON.stringify(results));
process.exit(0);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
  return JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)) as Record<string, string>;
}

/** Errors that a compiler finds in a consumer of the specifiers or in our declarations; those of other packages are not ours to mend. */
async function typeErrors(folder: string, specifiers: readonly string[], compiler: string, flags: readonly string[]): Promise<string[]> {
  const lines = specifiers.map((specifier, index) => `import * as m${index} from '${specifier}';\nexport const n${index}: object = m${index};`);
  writeFileSync(join(folder, 'consumer.ts'), `${lines.join('\n')}\n`);
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--lib', 'es2023,esnext.disposable', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types'), ...flags];
  try {
    await run(join(root, 'node_modules/.bin', compiler), [...options, 'consumer.ts'], { cwd: folder, maxBuffer: 64e6 });
    return [];
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    const ours = stdout.split('\n').filter((line) => /^(consumer\.ts|(.*\/)?node_modules\/@cortex-runtime\/|error TS)/.test(line));
    return ours.length > 0 || stdout.includes('error TS') ? ours : [`${compiler} did not run: ${String(error)}`];
  }
}

/** What a README says to install: every word of its `npm install` lines that is a package. */
function installedBy(readme: string): string[] {
  const lines = [...readme.matchAll(/^npm install (.+)$/gm)].map(([, line = '']) => line.split('#', 1)[0] ?? '');
  return [...new Set(lines.flatMap((line) => line.split(' ')).filter((word) => word !== '' && !word.startsWith('-')))];
}

/** The programs of a README that say of themselves that they run: fences "```ts run" and "```js run". */
const programsOf = (readme: string): string[] => [...readme.matchAll(/^```[tj]s run\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

/** What a program claims to print: `// → text`, the beginning of a line when the text ends with an ellipsis, whatever is said after it. */
const claimsOf = (program: string): string[] => [...program.matchAll(/\/\/ → (.+)$/gm)].map(([, claim = '']) => claim);

const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** Runs the programs of a README in a folder in which is what it says to install, and compares what they print with what they claim. */
async function followReadme(folder: string, readme: string, environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const installed = installedBy(readme);
  const missing = installed.filter((name) => !existsSync(join(folder, 'node_modules', name)));
  if (missing.length > 0) {
    const wanted = missing.map((name) => (byName.has(name) ? tarballOf(name) : `${name}@${installedVersion(name)}`));
    await run('npm', ['install', ...wanted, '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock', '--loglevel=error'], { cwd: folder, env: strangersEnvironment });
  }
  for (const [index, program] of programsOf(readme).entries()) {
    if (program.includes('CORTEX_REDIS_URL') && environment['CORTEX_REDIS_URL'] === '') continue;
    const imported = [...program.matchAll(/ from '([^.'][^']*)'/g)].map(([, specifier = '']) => packageOf(specifier)).filter((name) => !name.startsWith('node:'));
    expect(imported.filter((name) => !installed.includes(name)), 'imports only what the README installs').toEqual([]);
    if (program.includes('office-server.mjs')) copyFileSync(join(root, 'examples/mcp/office-server.mjs'), join(folder, 'office-server.mjs'));
    const file = `readme-${index + 1}`;
    writeFileSync(join(folder, `${file}.mjs`), (await transform(program, { loader: 'ts', target: 'node20' })).code);
    const { stdout } = await run(process.execPath, [`${file}.mjs`], { cwd: folder, env: { ...process.env, ...environment }, timeout: 60_000 });
    const printed = stdout.split('\n');
    for (const claim of claimsOf(program)) {
      const [text = '', hasMore] = claim.split(/ ?(…)/);
      const found = printed.findIndex((line) => (hasMore === undefined ? line === text : line.startsWith(text)));
      expect(found, `${JSON.stringify(claim)} is not printed, or not in this order, by:\n${program}\nIt prints:\n${stdout}`).toBeGreaterThanOrEqual(0);
      printed.splice(0, found + 1);
    }
    writeFileSync(join(folder, `${file}.ts`), program);
  }
}

describe('each package, installed alone from its tarball', () => {
  it.concurrent.each(published.map((workspace) => [workspace.manifest.name, workspace] as const))('%s imports and type-checks, and its README holds', async (name, workspace) => {
    const folder = await installAlone(name);
    const siblings = readdirSync(join(folder, 'node_modules/@cortex-runtime')).map((each) => `@cortex-runtime/${each}`);
    expect(siblings.sort(), 'nothing more than its closure').toEqual([...closureOf(name), name].sort());

    expect(filesOf(workspace).filter((file) => !existsSync(join(folder, 'node_modules', name, file)))).toEqual([]);

    const absent = optionalPeersOf(workspace).filter((peer) => !existsSync(join(folder, 'node_modules', peer)));
    const imported = await importEach(folder, subpathsOf(workspace));
    const refused = Object.entries(imported).filter(([, result]) => result !== 'ok');
    const unexplained = refused.filter(([specifier, result]) => specifier === name || !absent.some((peer) => result.includes(`'${peer}'`)));
    expect(unexplained, 'a subpath may fail only by naming an optional peer that is not there').toEqual([]);

    const usable = Object.keys(imported).filter((specifier) => imported[specifier] === 'ok');
    expect(await typeErrors(folder, usable, 'tsc', ['--module', 'nodenext'])).toEqual([]);

    for (const command of Object.keys(workspace.manifest.bin ?? {})) {
      const { stdout } = await run(join(folder, 'node_modules/.bin', command), ['--version'], { cwd: folder });
      expect(stdout, `${command} --version`).toMatch(/\d+\.\d+\.\d+/);
    }

    const readme = readFileSync(join(root, workspace.folder, 'README.md'), 'utf8');
    if (theFive.has(name)) expect(readme.match(/^```[tj]s$/m), 'each program of its README runs').toBeNull();
    await followReadme(folder, readme, { CORTEX_REDIS_URL: inject('redisUrl') });
    const programs = readdirSync(folder).filter((file) => /^readme-\d+\.ts$/.test(file));
    if (programs.length > 0) expect(await typeErrors(folder, [], 'tsc', ['--module', 'nodenext', ...programs]), 'the types of what the README shows').toEqual([]);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
});

describe('all packages together', () => {
  it('type-check as bundlers resolve, also with the TypeScript before this one', async () => {
    const folder = await installTogether('all-packages', published.map(({ manifest }) => manifest.name));
    const imported = await importEach(folder, published.flatMap(subpathsOf));
    const usable = Object.keys(imported).filter((specifier) => imported[specifier] === 'ok');
    expect(usable.length).toBeGreaterThan(published.length);
    for (const compiler of ['tsc', 'tsc6']) expect(await typeErrors(folder, usable, compiler, ['--module', 'esnext', '--moduleResolution', 'bundler'])).toEqual([]);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
});

describe('the calendar plugin', () => {
  it('is what its README shows, installed from its tarball', async () => {
    const source = join(root, 'examples/plugins/cortex-plugin-calendar');
    const { stdout } = await run('npm', ['pack', '--pack-destination', base, '--json', '--ignore-scripts'], { cwd: source, env: strangersEnvironment });
    tarballs.set('cortex-plugin-calendar', join(base, packedFiles(JSON.parse(stdout))[0]?.filename ?? ''));
    const readme = readFileSync(join(source, 'README.md'), 'utf8');
    const folder = await installTogether('calendar', installedBy(readme));
    const service = spawn(join(folder, 'node_modules/.bin/calendar-service'), { cwd: folder, env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void service.kill());
    const said = await new Promise<string>((resolve) => service.stdout.once('data', (text) => resolve(String(text))));
    expect(programsOf(readme)).toHaveLength(1);
    await followReadme(folder, readme, { CALENDAR_URL: /http:\/\/\S+(?=;)/.exec(said)?.[0] ?? said });
  });
});

describe('docs/mesh.md', () => {
  const guide = readFileSync(join(root, 'docs/mesh.md'), 'utf8');
  const files = [...guide.matchAll(/^```js (\S+\.mjs)\n([\s\S]*?)^```$/gm)].map(([, name = '', code = '']) => ({ name, code }));
  const packages = /^npm install (.+)$/m.exec(guide)?.[1]?.split(' ') ?? [];
  const rows = [...guide.matchAll(/^\| `([^`]+)`[^|]*\| (\w+) \|/gm)].map(([, text = '', agent = '']) => ({ text, agent }));

  it.skipIf(inject('redisUrl') === '')('shows two terminals that work as it says, with single packages from their tarballs', async () => {
    expect(files.map(({ name }) => name).sort()).toEqual(['agent.mjs', 'conductor.mjs']);
    const folder = await installTogether('two-terminals', packages);
    for (const { name, code } of files) writeFileSync(join(folder, name), code);

    const start = (...args: string[]) => {
      const child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, CORTEX_REDIS_URL: inject('redisUrl'), NO_COLOR: '1' } });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      onTestFinished(() => void child.kill('SIGKILL'));
      return { child, until: (text: string) => expect.poll(() => said, { timeout: 30_000, interval: 50 }).toContain(text) };
    };
    const ended = (child: ChildProcessWithoutNullStreams) => new Promise<number | null>((resolve) => child.once('close', resolve));

    const agents = { forge: start('agent.mjs', 'forge', 'eng'), quill: start('agent.mjs', 'quill', 'docs') };
    await Promise.all([agents.forge.until('forge takes tasks'), agents.quill.until('quill takes tasks')]);
    const conductor = start('conductor.mjs');
    const [mention = rows[0], goesOn = rows[0], other = rows[0]] = rows;
    for (const row of [mention, goesOn, other]) {
      conductor.child.stdin.write(`${row?.text}\n`);
      await conductor.until(`${row?.agent} here. You said: ${row?.text}`);
    }
    // An agent that is gone is waited for.
    agents.quill.child.kill('SIGKILL');
    conductor.child.stdin.write('@quill are you there?\n');
    await start('agent.mjs', 'quill', 'docs').until('quill takes tasks');
    await conductor.until('You said: @quill are you there?');
    agents.forge.child.kill('SIGINT');
    expect(await ended(agents.forge.child)).toBe(0);
    conductor.child.stdin.end();
    expect(await ended(conductor.child)).toBe(0);
  });
});
