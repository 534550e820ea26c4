import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the clone. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** npm writes both lock files at the end of one command, in either order. */
const writtenTogetherMs = 5_000;

/** Ends the process with a sentence that says what to do when this Node is older than `engines` asks for. */
export function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [major = 0, minor = 0] = engines.node.replace('>=', '').split('.').map(Number);
  const [nodeMajor = 0, nodeMinor = 0] = process.versions.node.split('.').map(Number);
  if (nodeMajor > major || (nodeMajor === major && nodeMinor >= minor)) return;
  console.error(`Cortex needs Node ${engines.node}; this is ${process.versions.node}. Install a newer Node (https://nodejs.org) and try again.`);
  process.exit(1);
}

/** npm writes its hidden lock file last, so a missing or older one means that nothing, half or another version is installed. */
function isInstalled() {
  const installed = statSync(join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  const wanted = statSync(join(root, 'package-lock.json'));
  return installed !== undefined && installed.mtimeMs + writtenTogetherMs >= wanted.mtimeMs;
}

/** Runs `npm ci` when the clone has no dependencies, or has those of another lock file. */
export function installIfNeeded() {
  if (isInstalled()) return;
  console.log('Installing dependencies with npm ci: once per clone, about half a minute ...');
  const startedAt = performance.now();
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) {
    console.error('npm ci failed; its message is above. Nothing was started.');
    process.exit(status ?? 1);
  }
  console.log(`Installed in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s.`);
}
