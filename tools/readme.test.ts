import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readWorkspaces, root } from './repository.ts';

/** Codes that classes of errors declare: a contract, which a reader of the README is owed. */
function codesOf(folder: string): string[] {
  const sources = readdirSync(join(root, folder, 'src'), { recursive: true }).map(String).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  return [...new Set(sources.flatMap((file) => [...readFileSync(join(root, folder, 'src', file), 'utf8').matchAll(/readonly code(?:: string)? = '([A-Z_]+)'/g)].map(([, code = '']) => code)))].sort();
}

describe('the README of a package', () => {
  const published = readWorkspaces().filter(({ manifest }) => manifest.private !== true);

  it.each(published.map(({ manifest, folder }) => [manifest.name, folder] as const))('of %s names every code of its errors', (_name, folder) => {
    const readme = readFileSync(join(root, folder, 'README.md'), 'utf8');
    expect(codesOf(folder).filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });
});

describe('the table of faults', () => {
  it('names tests that there are', () => {
    const page = readFileSync(join(root, 'docs/reliability.md'), 'utf8');
    const named = [...page.matchAll(/`([a-z-]+\/(?:test|src)\/[a-z/-]+?)(?:\.test\.ts)?`/g)].map(([, path = '']) => `packages/${path}.test.ts`);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
