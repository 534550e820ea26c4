/**
 * `npm run chaos -- [options]`: the crash harness of packages/testing against a real host, 200 kills unless told otherwise.
 * `npm test` runs the same harness with fewer. `--mutants` tries it on hosts with hand-made bugs instead.
 */
import { join } from 'node:path';
import { installIfNeeded, requireNode, root } from './install.mjs';

requireNode();
installIfNeeded();
const { bundleSource, importSource } = await import('./source-bundle.mjs');
if (process.argv.includes('--mesh')) {
  const { main } = await importSource('packages/testing/src/chaos/mesh-main.ts');
  const programModule = await bundleSource('packages/testing/src/mesh-chaos/index.ts');
  process.exit(await main(process.argv.slice(2), { programModule }));
}
const counterModule = await bundleSource('packages/testing/src/counting-mcp-server.ts');
const { main, mainMutants } = await importSource('packages/testing/src/chaos/main.ts');
if (process.argv.includes('--mutants')) {
  const { buildMutant, mutantNames } = await import('./chaos-mutants.mjs');
  process.exitCode = await mainMutants(mutantNames, buildMutant, { counterModule });
} else {
  await bundleSource('packages/cli/src/main.ts');
  process.exitCode = await main(process.argv.slice(2), { command: [process.execPath, join(root, 'packages/cli/bin/cortex.mjs')], counterModule });
}
