import { ESLint, type Linter } from 'eslint';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './repository.ts';

/** Rules that need a program or a project graph; the snippets below are in neither. */
const withoutProgram: Linter.Config = {
  languageOptions: { parserOptions: { projectService: false } },
  rules: {
    '@nx/enforce-module-boundaries': 'off',
    '@typescript-eslint/await-thenable': 'off',
    '@typescript-eslint/no-floating-promises': 'off',
    '@typescript-eslint/no-misused-promises': 'off',
    '@typescript-eslint/switch-exhaustiveness-check': 'off',
    '@typescript-eslint/no-unused-vars': 'off',
  },
};
const eslint = new ESLint({ cwd: root, overrideConfig: [withoutProgram] });

/** Rules that `code` breaks when it stands in `file`. */
async function broken(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: join(root, file) });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

const below = 'packages/triggers/src/planted.ts';
const reachesOutside = [
  'export const a = Date.now();',
  'export const a = new Date();',
  'export const a = setTimeout(() => {}, 1);',
  'export const a = globalThis.setInterval(() => {}, 1);',
  'export const a = Math.random();',
  'export const a = performance.now();',
  'export const a = process.env.HOME;',
  "export { randomUUID as a } from 'node:crypto';",
  "export { readFile as a } from 'node:fs/promises';",
  "export { connect as a } from 'node:net';",
  "export { createServer as a } from 'node:http';",
  "export { spawn as a } from 'node:child_process';",
  "export { nodeDisk as a } from '@cortex-runtime/core/node';",
  "export { journalContract as a } from '@cortex-runtime/journal/testing';",
];

describe('lint', () => {
  it.each(reachesOutside)('refuses below the edge: %s', async (code) => {
    expect(await broken(below, code)).toHaveLength(1);
  });

  it.each(reachesOutside)('allows in the host, in tests and in contract suites: %s', async (code) => {
    for (const file of ['packages/host/src/planted.ts', 'packages/triggers/src/planted.test.ts', 'packages/journal/src/testing/planted.ts']) {
      expect(await broken(file, code), file).toEqual([]);
    }
  });

  it('allows the real clock, randomness, disk and net where core keeps them', async () => {
    expect(await broken('packages/core/src/node/planted.ts', "export const a = Date.now();\nexport { readFile as b } from 'node:fs/promises';")).toEqual([]);
    expect(await broken('packages/core/src/planted.ts', 'export const a = Date.now();')).toEqual(['no-restricted-properties']);
  });

  it('allows what is pure: a date made from a number, a hash, arithmetic on addresses', async () => {
    expect(await broken(below, "export const a = new Date(0);\nexport { createHash } from 'node:crypto';\nexport { BlockList } from 'node:net';")).toEqual([]);
  });

  it('refuses `export *`, a default export and `any` everywhere', async () => {
    for (const file of [below, 'packages/host/src/planted.ts']) {
      expect(await broken(file, "export * from './a.ts';"), file).toEqual(['no-restricted-syntax']);
      expect(await broken(file, 'export default 1;'), file).toEqual(['no-restricted-syntax']);
      expect(await broken(file, 'export const a: any = 1;'), file).toEqual(['@typescript-eslint/no-explicit-any']);
    }
  });
});
