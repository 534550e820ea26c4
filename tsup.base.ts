import { readFileSync } from 'node:fs';
import type { Options } from 'tsup';

interface Manifest {
  exports?: Record<string, string | { '@cortex-runtime/source'?: string }>;
}

/**
 * Source files that the package in the working directory publishes, read from its own `exports`, so that a new subpath is written
 * down once. `dist` mirrors `src`: `./src/testing/index.ts` becomes `dist/testing/index.js`. An app without `exports` has `src/main.ts`.
 */
function publishedEntries(): Record<string, string> {
  const { exports = {} } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  const sources = Object.values(exports).flatMap((target) =>
    typeof target === 'object' && target['@cortex-runtime/source'] !== undefined ? [target['@cortex-runtime/source']] : [],
  );
  const files = sources.length > 0 ? sources : ['./src/main.ts'];
  return Object.fromEntries(files.map((file) => [file.replace(/^\.\/src\//, '').replace(/\.ts$/, ''), file]));
}

/** How every package is bundled. Declarations come from `tsc` afterwards (see docs/decisions/0001-toolchain.md). */
export const base: Options = {
  entry: publishedEntries(),
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  dts: false,
  sourcemap: true,
  splitting: true,
  treeshake: true,
  clean: true,
};
