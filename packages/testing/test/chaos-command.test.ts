import { afterEach, describe, expect, it, vi } from 'vitest';

import { main } from '../src/chaos/mesh-main.ts';

const paths = { programModule: '/nowhere.js' };

describe('npm run chaos -- --mesh', () => {
  const said: string[] = [];
  for (const stream of ['log', 'error'] as const) vi.spyOn(console, stream).mockImplementation((line: string) => void said.push(line));
  afterEach(() => void said.splice(0));

  it('tells how it is used', async () => {
    expect(await main(['--mesh', '--help'], paths)).toBe(0);
    expect(said.join('\n')).toContain('--durability standard|strict');
  });

  it.each([['--tasks', '0'], ['--tasks', 'many'], ['--seed', '1.5'], ['--faults', '0'], ['--durability', 'memory'], ['--unknown', 'x']])('refuses %s %s', async (...argv) => {
    expect(await main(['--mesh', ...argv], paths)).toBe(2);
    expect(said.join('\n')).toContain('usage:');
  });
});
