/**
 * `npm run chaos -- [options]`: the crash harness of packages/testing against a real host, 200 kills unless told otherwise.
 * `--mesh` is the chaos harness of a mesh instead, 100,000 tasks unless told otherwise. `npm test` runs the same harnesses with less. `--mutants` tries either on
 * programs with hand-made bugs: all of them, or those whose name has the word behind it (`--mutants outbox`).
 */
import { join } from 'node:path';
import { installIfNeeded, requireNode, root } from './install.mjs';

requireNode();
installIfNeeded();
const { bundleSource, importSource } = await import('./source-bundle.mjs');
const runsMutants = process.argv.includes('--mutants');
const word = process.argv.slice(2).find((each) => !each.startsWith('--')) ?? '';
if (process.argv.includes('--mesh')) {
  const programModule = await bundleSource('packages/testing/src/mesh-chaos/index.ts');
  const { main, mainMutants } = await importSource('packages/testing/src/chaos/mesh-main.ts');
  if (runsMutants) {
    const { buildMeshMutant, meshMutants } = await import('./mesh-mutants.mjs');
    process.exitCode = await mainMutants(meshMutants.filter(({ name }) => name.includes(word)), buildMeshMutant, { programModule });
  } else {
    process.exitCode = await main(process.argv.slice(2), { programModule });
  }
} else {
  const counterModule = await bundleSource('packages/testing/src/counting-mcp-server.ts');
  const { main, mainMutants } = await importSource('packages/testing/src/chaos/main.ts');
  if (runsMutants) {
    const { buildMutant, mutantNames } = await import('./chaos-mutants.mjs');
    process.exitCode = await mainMutants(mutantNames.filter((name) => name.includes(word)), buildMutant, { counterModule });
  } else {
    await bundleSource('packages/cli/src/main.ts');
    process.exitCode = await main(process.argv.slice(2), { command: [process.execPath, join(root, 'packages/cli/bin/cortex.mjs')], counterModule });
  }
}
