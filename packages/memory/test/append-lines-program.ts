import { systemClock } from '@cortex-runtime/core/node';

import { FileMemoryStore } from '../src/index.ts';
import { nodeRootedFolder } from '../src/node/index.ts';

/** What a test runs in processes of their own: appends lines to one entry and prints each that was acknowledged. */
export async function appendLines({ root, writer, lines }: { root: string; writer: string; lines: number }): Promise<void> {
  const store = new FileMemoryStore({ folder: await nodeRootedFolder(root), clock: systemClock }, { maxContentBytes: 1_000_000 });
  for (let index = 0; index < lines; index += 1) {
    await store.write('context', 'log', `${writer} ${index}`, { mode: 'append' });
    process.stdout.write(`${writer} ${index}\n`);
  }
}
