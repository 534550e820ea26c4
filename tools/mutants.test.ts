import { describe, expect, it } from 'vitest';
import { sourceWithBug } from './build-with-bug.mjs';
import { mutants } from './chaos-mutants.mjs';
import { meshMutants } from './mesh-mutants.mjs';

interface Bug {
  name: string;
  file: string;
  replace: [string, string][];
}

// Whoever changes a line that a bug is about changes the bug with it; that a harness catches them all is shown by `npm run chaos -- [--mesh] --mutants`.
describe('the hand-made bugs of the chaos runs', () => {
  it.each([...mutants, ...meshMutants] as Bug[])('fit the sources: $name', (bug) => {
    expect(sourceWithBug(bug)).not.toBe('');
  });
});
