import { CortexError } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';

import { openDataDirectoryLock } from '../../src/index.ts';
import { systemProcessTable } from '../../src/node/index.ts';

/** Tries to become the owner of a directory once it is told to; then holds it until it is killed, or releases it when told so. */
const [directory = ''] = process.argv.slice(2);
process.stdout.write('ready\n');
let release = async () => {};
process.stdin.on('data', async (chunk: Buffer) => {
  if (chunk.toString('utf8').trim() === 'release') {
    await release();
    process.stdout.write('released\n');
    process.exit(0);
  }
  try {
    const lock = await openDataDirectoryLock({ disk: nodeDisk, clock: systemClock, random: systemRandom, processes: systemProcessTable({ disk: nodeDisk }) }, directory);
    release = () => lock.release();
    process.stdout.write(`held ${lock.epoch}\n`);
  } catch (error) {
    process.stdout.write(`${CortexError.is(error) ? error.code : String(error)}\n`);
    process.exit(0);
  }
});
