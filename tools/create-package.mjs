#!/usr/bin/env node
/**
 * Creates a package (or an app), or completes one: files that exist are kept, `package.json` gains what is missing from it.
 *
 *     npm run new:package -- NAME --layer port --deps core,journal --subpaths testing,node
 *
 * --layer L          core | port | service | runtime | edge (required)
 * --deps a,b         packages of this repository
 * --external n@v,…   other runtime dependencies
 * --peer n@v,…       peer dependencies, also installed for development
 * --optional n@v,…   optional peer dependencies, also installed for development
 * --subpaths a,b     published subpaths; `a` is src/a.ts where that exists, else src/a/index.ts
 * --entry FILE       the file behind `.` (default src/index.ts)
 * --bin NAME=FILE    a command
 * --description T    one sentence for package.json and README
 * --app              private, under apps/, nothing exported
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scope = '@cortex-runtime';
const layers = ['core', 'port', 'service', 'runtime', 'edge'];
const text = { type: 'string', default: '' };

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layer: text, deps: text, external: text, peer: text, optional: text, subpaths: text, bin: text, description: text,
    entry: { type: 'string', default: 'src/index.ts' },
    app: { type: 'boolean', default: false },
  },
});
const [name] = positionals;
if (name === undefined || !/^[a-z][a-z0-9-]*$/.test(name) || !layers.includes(options.layer)) {
  console.error('usage: npm run new:package -- NAME --layer core|port|service|runtime|edge [--deps a,b] [--subpaths a,b]  (see tools/create-package.mjs)');
  process.exit(2);
}

const folder = `${options.app ? 'apps' : 'packages'}/${name}`;
const packageRoot = join(root, folder);
const list = (value) => value.split(',').map((item) => item.trim()).filter(Boolean);
const parseSpec = (spec) => {
  const at = spec.lastIndexOf('@');
  return at > 0 ? [spec.slice(0, at), spec.slice(at + 1)] : [spec, '*'];
};
const specs = (value) => Object.fromEntries(list(value).map(parseSpec));
const sorted = (record) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
const write = (file, content) => {
  const path = join(packageRoot, file);
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
};

/** A tilde-free exact pin is what development installs; a peer is told by range. */
const peerRange = (version) => (/^\d+\.\d+\.\d+$/.test(version) ? `^${version.split('.').slice(0, 2).join('.')}.0` : version);
const internal = Object.fromEntries(list(options.deps).map((dependency) => [`${scope}/${dependency}`, '^0.1.0']));
const peers = { ...specs(options.peer), ...specs(options.optional) };

const sourceOf = (subpath) => (existsSync(join(packageRoot, `src/${subpath}.ts`)) ? `src/${subpath}.ts` : `src/${subpath}/index.ts`);
const target = (source) => {
  const built = source.replace(/^src\//, './dist/').replace(/\.ts$/, '');
  return { [`${scope}/source`]: `./${source}`, types: `${built}.d.ts`, default: `${built}.js` };
};
const sources = options.app ? ['src/main.ts'] : [options.entry, ...list(options.subpaths).map(sourceOf)];

const fresh = {
  name: `${scope}/${options.app ? `${name}-app` : name}`,
  version: '0.1.0',
  ...(options.app ? { private: true } : {}),
  description: options.description || `Cortex: ${name}`,
  license: 'MIT',
  repository: { type: 'git', url: 'git+https://github.com/cortex-runtime/cortex.git', directory: folder },
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20.19' },
  ...(options.app ? {} : { publishConfig: { access: 'public', provenance: true } }),
  ...(options.bin === '' ? {} : { bin: Object.fromEntries(list(options.bin).map((entry) => entry.split('='))) }),
  ...(options.app
    ? {}
    : {
        files: ['dist', 'src', '!src/**/*.test.ts'],
        exports: {
          '.': target(options.entry),
          ...Object.fromEntries(list(options.subpaths).map((subpath) => [`./${subpath}`, target(sourceOf(subpath))])),
          './package.json': './package.json',
        },
      }),
  scripts: {
    build: options.app ? 'tsup' : 'tsup && tsc -p tsconfig.build.json',
    typecheck: 'tsc --noEmit -p tsconfig.json',
    test: 'vitest run',
    lint: 'eslint .',
    ...(options.app ? {} : { 'check:package': 'publint --strict && attw --pack . --profile esm-only' }),
  },
  dependencies: { ...internal, ...specs(options.external) },
  peerDependencies: Object.fromEntries(Object.entries(peers).map(([peer, version]) => [peer, peerRange(version)])),
  peerDependenciesMeta: Object.fromEntries(Object.keys(specs(options.optional)).map((peer) => [peer, { optional: true }])),
  devDependencies: peers,
  nx: { tags: [`layer:${options.layer}`] },
};

/** What is in the file wins over what we would write; maps are joined. */
function complete(existing, wanted) {
  const merged = { ...wanted, ...existing };
  for (const key of ['exports', 'scripts', 'dependencies', 'peerDependencies', 'peerDependenciesMeta', 'devDependencies', 'bin']) {
    if (wanted[key] === undefined && existing[key] === undefined) continue;
    merged[key] = { ...wanted[key], ...existing[key] };
    if (/ependencies/.test(key)) merged[key] = sorted(merged[key]);
    if (Object.keys(merged[key]).length === 0) delete merged[key];
  }
  if (merged.exports?.['./package.json'] !== undefined) {
    const { './package.json': last, ...rest } = merged.exports;
    merged.exports = { ...rest, './package.json': last };
  }
  return Object.fromEntries(Object.keys({ ...wanted, ...existing }).filter((key) => key in merged).map((key) => [key, merged[key]]));
}

mkdirSync(packageRoot, { recursive: true });
const manifestPath = join(packageRoot, 'package.json');
const existing = existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, 'utf8')) : {};
writeFileSync(manifestPath, `${JSON.stringify(complete(existing, fresh), null, 2)}\n`);

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
write('tsconfig.json', json({ extends: '../../tsconfig.base.json', include: ['src', 'test', '*.config.ts'] }));
if (!options.app) {
  write('tsconfig.build.json', json({
    extends: './tsconfig.json',
    compilerOptions: { customConditions: [], noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: 'src', outDir: 'dist' },
    include: ['src'],
    exclude: ['src/**/*.test.ts', 'src/**/*.test-d.ts'],
  }));
}
write('tsup.config.ts', "import { defineConfig } from 'tsup';\nimport { base } from '../../tsup.base.ts';\n\nexport default defineConfig(base);\n");
write('vitest.config.ts', "import { base } from '../../vitest.base.ts';\n\nexport default base;\n");
write('README.md', `# ${fresh.name}\n\n${fresh.description}\n\n\`\`\`sh\nnpm install ${fresh.name}\n\`\`\`\n`);
if (!existsSync(join(packageRoot, 'LICENSE'))) copyFileSync(join(root, 'LICENSE'), join(packageRoot, 'LICENSE'));
for (const source of sources) write(source, 'export {};\n');
console.log(`${folder}: ${sources.join(', ')}`);
