/**
 * `node child.mjs ENTRY`: serves the `operations` that the module exports to the parent, one message a call. An entry in TypeScript runs from sources.
 */
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { root } from '../../tools/install.mjs';
import { importSource } from '../../tools/source-bundle.mjs';

const entry = process.argv[2];
const { operations } = entry.endsWith('.ts') ? await importSource(entry) : await import(pathToFileURL(resolve(root, entry)).href);

process.on('message', async ({ id, operation, argument }) => {
  try {
    process.send({ id, value: await operations[operation](argument) });
  } catch (error) {
    process.send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
