/**
 * `npm start`: installs what is missing, then runs `cortex start examples/agents` from sources, in this process, so that its pid is the host's.
 * Further arguments go to `cortex start`: `npm start -- --port 8080`.
 */
import { installIfNeeded, requireNode, root } from './install.mjs';

requireNode();
installIfNeeded();
process.chdir(root);
const { importSource } = await import('./source-bundle.mjs');
const { main } = await importSource('packages/cli/src/main.ts');
process.exitCode = await main(['start', 'examples/agents', ...process.argv.slice(2)]);
