/**
 * `npm run bench -- [question] [case]`: each folder answers one question. Without arguments: all of them, one after another.
 * What they compare with is installed into this folder when it is first used.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installIfNeeded, requireNode } from '../tools/install.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

requireNode();
installIfNeeded();
installPeers();

const questions = readdirSync(here).filter((name) => existsSync(join(here, name, 'bench.mjs'))).sort();
const [wanted, only] = process.argv.slice(2);
const chosen = questions.filter((name) => wanted === undefined || name.includes(wanted));
if (chosen.length === 0) {
  console.error(`there is no question ${JSON.stringify(wanted)}; there are: ${questions.join(', ')}`);
  process.exit(2);
}
for (const name of chosen) {
  console.log(`\n== ${name}`);
  // A process of its own: what one question leaves in memory is not measured by the next.
  const { status } = spawnSync(process.execPath, ['--expose-gc', join(here, 'harness/one-question.mjs'), name, ...(only === undefined ? [] : [only])], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

function installPeers() {
  const installed = statSync(join(here, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  if (installed !== undefined && installed.mtimeMs + 5_000 >= statSync(join(here, 'package-lock.json')).mtimeMs) return;
  console.log('Installing what the benchmarks compare with ...');
  const { status } = spawnSync('npm', ['ci', '--prefix', here, '--no-audit', '--no-fund', '--loglevel=error'], { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}
