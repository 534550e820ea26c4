/**
 * Builds a program from the sources with one hand-made bug in them.
 *
 * A bug names a place by its exact text; when the source has changed, so must the bug: it is refused, not skipped.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';
import { npmPackagesAreExternal } from './source-bundle.mjs';

/** The source of a file with a bug in it. @param bug - `{ name, file, replace: [[from, to]…] }` */
export function sourceWithBug({ name, file, replace }) {
  let contents = readFileSync(join(root, file), 'utf8');
  for (const [from, to] of replace) {
    if (contents.split(from).length !== 2) throw new Error(`the mutant "${name}" does not fit ${file} any more: ${JSON.stringify(from)} must be there once`);
    contents = contents.replace(from, () => to);
  }
  return contents;
}

/**
 * @param bug - as above
 * @returns the directory with the bundle of `entry`, and what removes it again
 */
export async function buildWithBug(entry, bug) {
  const { build } = await import('esbuild');
  const path = join(root, bug.file);
  const contents = sourceWithBug(bug);
  const directory = join(root, 'node_modules/.cache/cortex', `mutant-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: directory,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    splitting: true,
    conditions: ['@cortex-runtime/source'],
    logLevel: 'error',
    plugins: [npmPackagesAreExternal, { name: 'bug', setup: ({ onLoad }) => onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: 'ts' } : undefined)) }],
  });
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
