/**
 * `npm run chaos -- [options]`: the crash harness of packages/testing against a real host, for as long as you like.
 * `npm test` runs the same harness with a fixed number of kills.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installIfNeeded, requireNode, root } from './install.mjs';

requireNode();
installIfNeeded();
const entry = 'packages/testing/src/chaos/main.ts';
if (!existsSync(join(root, entry))) {
  console.error(`the crash harness has no command yet: ${entry} is missing`);
  process.exit(2);
}
const { importSource } = await import('./source-bundle.mjs');
const { main } = await importSource(entry);
process.exitCode = await main(process.argv.slice(2));
