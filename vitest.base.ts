import { defineConfig } from 'vitest/config';

/** Sibling packages are read from their sources, so a test needs no build; the rest is Vite's own list for servers. */
const conditions = ['@cortex-runtime/source', 'module', 'node', 'development|production'];

/** How every package is tested. The JSON report is what `npm test` sums up; it is cached with the task. */
export const base = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    passWithNoTests: true,
    maxWorkers: 2,
    // A machine that has other work to do must not make a test fail that starts processes.
    testTimeout: 30_000,
    reporters: ['default', ['json', { outputFile: '.reports/vitest.json' }]],
  },
});
