/**
 * Runs TypeScript of this repository from its sources: workspace code is bundled with esbuild into `node_modules/.cache/cortex/`, npm packages
 * stay imports. A bundle is made again only when one of the files that went into it has changed.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './install.mjs';

const cache = join(root, 'node_modules/.cache/cortex');

/** A process that started from a bundle may still load its lazy chunks; a day after the last use nobody does. */
const keepUnusedMs = 24 * 3_600_000;

/** What tells that a file is still the one that was bundled. */
const stampOf = (file) => {
  const stat = statSync(join(root, file), { throwIfNoEntry: false });
  return stat === undefined ? 'absent' : `${stat.mtimeMs}:${stat.size}`;
};

function readRecord(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // none yet, or cut short: bundle again
  }
}

const isFresh = (record) =>
  record !== undefined &&
  statSync(join(cache, record.entry), { throwIfNoEntry: false }) !== undefined &&
  Object.entries(record.inputs).every(([file, stamp]) => stampOf(file) === stamp);

/**
 * Sources of the workspace are bundled; every other bare import is left to Node. Node looks from the bundle, which lies in the root's
 * node_modules: a package of which a workspace has a version of its own is therefore named by its place.
 */
export const npmPackagesAreExternal = {
  name: 'npm-packages-are-external',
  setup(build) {
    const ours = {};
    build.onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === ours || kind === 'entry-point' || path.startsWith('@cortex-runtime/') || path.startsWith('#')) return undefined;
      if (isBuiltin(path)) return { path, external: true };
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: ours });
      const isRoots = found.errors.length > 0 || found.path.startsWith(join(root, 'node_modules') + sep);
      return { path: isRoots ? path : pathToFileURL(found.path).href, external: true };
    });
  },
};

const manifests = () =>
  ['package.json', 'node_modules/.package-lock.json', ...['packages', 'apps'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}/package.json`))];

async function bundle(entry, recordPath) {
  const { build } = await import('esbuild');
  const inputsBefore = new Map();
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: cache,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    splitting: true,
    sourcemap: true,
    conditions: ['@cortex-runtime/source'],
    logLevel: 'warning',
    plugins: [npmPackagesAreExternal, {
      name: 'stamp-before-reading', // a file saved while we bundle must not pass for the one that was bundled
      setup: ({ onLoad }) => onLoad({ filter: /./ }, ({ path }) => void inputsBefore.set(relative(root, path), stampOf(relative(root, path)))),
    }],
  });
  const digest = createHash('sha256');
  for (const { contents } of result.outputFiles) digest.update(contents);
  const folder = `${basename(recordPath, '.json')}-${digest.digest('hex').slice(0, 16)}`;
  const written = join(cache, folder);
  if (statSync(written, { throwIfNoEntry: false }) === undefined) {
    const half = `${written}.${process.pid}`;
    mkdirSync(half, { recursive: true });
    for (const { path, contents } of result.outputFiles) writeFileSync(join(half, basename(path)), contents);
    try {
      renameSync(half, written);
    } catch {
      rmSync(half, { recursive: true, force: true }); // another process wrote the same bundle first
    }
  }
  const record = {
    entry: `${folder}/${basename(entry).replace(/\.ts$/, '.js')}`,
    inputs: { ...Object.fromEntries(manifests().map((file) => [file, stampOf(file)])), ...Object.fromEntries(inputsBefore) },
  };
  writeFileSync(`${recordPath}.${process.pid}`, JSON.stringify(record));
  renameSync(`${recordPath}.${process.pid}`, recordPath);
  return record;
}

function removeUnused(used) {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (name !== used && stat?.isDirectory() === true && Date.now() - stat.mtimeMs > keepUnusedMs) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Path of a JavaScript file with the code of `entry` (a path from the root of the repository) and of all the workspace code it imports.
 *
 * Importing it does what importing `entry` would do.
 */
export async function bundleSource(entry) {
  mkdirSync(cache, { recursive: true });
  const recordPath = join(cache, `${entry.replace(/\.ts$/, '').replaceAll('/', '-')}.json`);
  let record = readRecord(recordPath);
  if (!isFresh(record)) {
    record = await bundle(entry, recordPath);
    removeUnused(dirname(record.entry));
  }
  const now = new Date();
  utimesSync(join(cache, dirname(record.entry)), now, now);
  return join(cache, record.entry);
}

/** The module at `entry`, from sources. */
export async function importSource(entry) {
  const path = await bundleSource(entry);
  process.setSourceMapsEnabled(true);
  return import(pathToFileURL(path).href);
}
