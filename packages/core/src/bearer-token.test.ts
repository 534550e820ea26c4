import { describe, expect, it } from 'vitest';

import { isBearerToken } from './bearer-token.ts';

describe('isBearerToken', () => {
  it('knows the token, however the scheme is written', () => {
    for (const authorization of ['Bearer a-token', 'bearer a-token', 'BEARER   a-token']) expect(isBearerToken('a-token', authorization)).toBe(true);
  });

  it('refuses everything else, the empty token included', () => {
    for (const authorization of [undefined, '', 'a-token', 'Basic a-token', 'Bearer', 'Bearer ', 'Bearer a-tokeN', 'Bearer a-token b', 'Bearer a-token, Bearer b', `Bearer ${'a'.repeat(10_000)}`]) {
      expect(isBearerToken('a-token', authorization)).toBe(false);
      expect(isBearerToken('', authorization)).toBe(false);
    }
  });
});
