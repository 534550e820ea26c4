import { describe, expect, it } from 'vitest';

import { upcastRecord } from './upcast-record.ts';

describe('an old record', () => {
  const table = { 1: (old: { v: number }) => ({ ...old, v: 2, added: true }), 2: (old: { v: number }) => ({ ...old, v: 3, renamed: true }) };

  it('becomes the newest one, a version at a time', () => {
    expect(upcastRecord({ v: 1 }, table, 3)).toEqual({ v: 3, added: true, renamed: true });
    expect(upcastRecord({ v: 3 }, table, 3)).toEqual({ v: 3 });
  });

  it('is refused when it is newer, or there is no way from it', () => {
    expect(() => upcastRecord({ v: 4 }, table, 3)).toThrow(/version 4; this version reads up to 3: upgrade/);
    expect(() => upcastRecord({ v: 0 }, table, 3)).toThrow(/version 0/);
  });
});
