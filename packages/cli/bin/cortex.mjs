#!/usr/bin/env node
import { existsSync } from 'node:fs';

/** Present in a clone of the repository, where the command runs from sources; absent from the published package. */
const fromSources = new URL('../../../tools/source-bundle.mjs', import.meta.url);

const { main } =
  existsSync(fromSources) && existsSync(new URL('../../../nx.json', import.meta.url))
    ? await (await import(fromSources.href)).importSource('packages/cli/src/main.ts')
    : await import('../dist/main.js');
process.exitCode = await main(process.argv.slice(2));
