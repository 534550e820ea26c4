/**
 * How long does `npm start` take on an installed clone? `node bench/run.mjs start-up`
 *
 * The three agents of examples/agents, without npm's own start (which is measured beside), each time with a new data directory. The first start after a change of the
 * sources bundles them; that is shown apart.
 */
import { rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { startCliHost } from '../harness/cli-host.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';
import { root } from '../../tools/install.mjs';

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);

export async function bench() {
  const directory = workDirectory();
  sayMachine(directory);
  rmSync(join(root, 'node_modules/.cache/cortex/packages-cli-src-main.json'), { force: true });
  const bundled = await oneStart(join(directory, 'bundled'));
  const found = { ready: [], atWork: [], npm: [] };
  for (let round = 0; round < rounds; round += 1) {
    const { ready, atWork } = await oneStart(join(directory, `data-${round}`));
    found.ready.push(ready / 1_000);
    found.atWork.push(atWork / 1_000);
    found.npm.push(npmItself() / 1_000);
  }
  const [ready, atWork, npm] = [found.ready, found.atWork, found.npm].map(spreadOf);
  const whole = spreadOf(found.atWork.map((seconds, round) => seconds + found.npm[round]));
  sayGoal('npm start to agents at work', shown(whole, 's'), { goal: '< 3 s', isMet: whole.median < 3 });
  sayGoal('start of the process to host ready', shown(ready, 's'), { goal: '< 1 s', isMet: ready.median < 1 });
  say('  start of the process to agents at work', shown(atWork, 's'));
  say('  npm itself, before it starts anything', shown(npm, 's'));
  say('  the first start after a change: bundles, then at work', `${(bundled.atWork / 1_000).toFixed(2)} s`);
}

async function oneStart(dataDirectory) {
  const host = startCliHost([join(root, 'tools/start.mjs'), '--json', '--data-dir', dataDirectory]);
  const { afterMs: ready } = await host.until('listening');
  const { afterMs: atWork, failed } = await host.until('started');
  await host.stop();
  if (failed.length > 0) throw new Error(`an example could not start: ${JSON.stringify(failed[0])}`);
  return { ready, atWork };
}

/** Milliseconds that `npm run` takes for a script that does nothing. */
function npmItself() {
  const begun = performance.now();
  spawnSync('npm', ['exec', '--no', '-c', 'true'], { cwd: root, stdio: 'ignore', shell: process.platform === 'win32' });
  return performance.now() - begun;
}
