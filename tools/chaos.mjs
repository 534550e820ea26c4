/**
 * `npm run chaos -- [options]`: the crash harness of packages/testing against a real host, 200 kills unless told otherwise.
 * `npm test` runs the same harness with fewer.
 */
import { join } from 'node:path';
import { installIfNeeded, requireNode, root } from './install.mjs';

requireNode();
installIfNeeded();
const { bundleSource, importSource } = await import('./source-bundle.mjs');
await bundleSource('packages/cli/src/main.ts');
const counterModule = await bundleSource('packages/testing/src/counting-mcp-server.ts');
const { main } = await importSource('packages/testing/src/chaos/main.ts');
process.exitCode = await main(process.argv.slice(2), { command: [process.execPath, join(root, 'packages/cli/bin/cortex.mjs')], counterModule });
