#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Present in a clone of the repository, where the command runs from sources; absent from the published package. */
const fromSources = new URL('../../../tools/source-bundle.mjs', import.meta.url);

const { main } =
  existsSync(fromSources) && existsSync(new URL('../../../nx.json', import.meta.url))
    ? await (await import(fromSources.href)).importSource('packages/create-cortex-plugin/src/index.ts')
    : await import('../dist/index.js');
process.exitCode = await main(process.argv.slice(2), {
  packageRoot: fileURLToPath(new URL('..', import.meta.url)),
  workingDirectory: process.cwd(),
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
});
