import { randomBytes } from 'node:crypto';

import type { Random } from '../random.ts';

const pool = { bytes: Buffer.alloc(0), offset: 0 };

/** The operating system's source of randomness, read in blocks. */
export const systemRandom: Random = {
  next() {
    if (pool.offset + 4 > pool.bytes.length) {
      pool.bytes = randomBytes(4096);
      pool.offset = 0;
    }
    const value = pool.bytes.readUInt32LE(pool.offset);
    pool.offset += 4;
    return value / 0x1_0000_0000;
  },
  bytes: (length) => randomBytes(length),
};
