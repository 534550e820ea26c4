import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, it, onTestFinished } from 'vitest';

import { nodeNet } from './node-net.ts';

it('fetches from a real server and resolves real names', async () => {
  const server = createServer((request, response) => response.end(`got ${request.url ?? ''}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const response = await nodeNet.fetch(`http://127.0.0.1:${port}/path`);
  expect(await response.text()).toBe('got /path');
  const addresses = await nodeNet.lookup('localhost');
  expect(addresses.map(({ address }) => address)).toContain(addresses.some(({ family }) => family === 4) ? '127.0.0.1' : '::1');
  await expect(nodeNet.lookup('does-not-exist.invalid')).rejects.toThrow();
});
