import { lookup } from 'node:dns/promises';

import type { Net } from '../net.ts';

/** Node's own `fetch` and resolver. */
export const nodeNet: Net = {
  fetch: (input, init) => fetch(input, init),
  async lookup(hostname) {
    const addresses = await lookup(hostname, { all: true });
    return addresses.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
  },
};
