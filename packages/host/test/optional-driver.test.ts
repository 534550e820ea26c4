import { describe, expect, it } from 'vitest';

import { optionalDriver } from '../src/storage/optional-driver.ts';

describe('optionalDriver', () => {
  it('says which package is missing, who needs it, and how to get it', async () => {
    const missing = Object.assign(new Error("Cannot find package 'pg' imported from /host.js"), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(optionalDriver('CORTEX_MEMORY_BACKEND=postgres', 'pg', () => Promise.reject(missing))).rejects.toMatchObject({
      code: 'DRIVER_MISSING', packageName: 'pg', message: 'CORTEX_MEMORY_BACKEND=postgres needs the package pg, which is not installed: npm install pg',
    });
  });

  it('leaves any other error as it is, also that of a package which the driver itself misses', async () => {
    const other = Object.assign(new Error("Cannot find package 'something-else' imported from /node_modules/driver/index.js"), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(optionalDriver('x', 'ioredis', () => Promise.reject(other))).rejects.toBe(other);
    expect(await optionalDriver('x', 'pg', () => Promise.resolve(7))).toBe(7);
  });
});
