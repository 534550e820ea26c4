/**
 * What does an agent cost that waits? `node bench/run.mjs idle-agents`
 *
 * A host with ten thousand agents (BENCH_AGENTS) that wait for cron, against a host with one, each in a process of its own; the memory is what is left after collections.
 */
import { join } from 'node:path';
import { agentDirectory } from '../harness/agent-directory.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { openSide } from '../harness/side.mjs';
import { percentile, spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';

const agents = Number(process.env.BENCH_AGENTS ?? 10_000);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const mb = 2 ** 20;

export async function bench() {
  const directory = workDirectory();
  sayMachine(directory);
  const many = agentDirectory(join(directory, 'many'), agents);
  const one = agentDirectory(join(directory, 'one'), 1);
  const found = { rss: [], heap: [], rssAgain: [], p50: [], p99: [] };
  for (let round = 0; round < rounds; round += 1) {
    const dataDirectory = join(directory, `data-${round}`);
    const empty = await measured({ agents: one, dataDirectory: join(directory, `empty-${round}`) });
    const first = await measured({ agents: many, dataDirectory });
    const again = await measured({ agents: many, dataDirectory });
    found.rss.push((first.rss - empty.rss) / mb);
    found.rssAgain.push((again.rss - empty.rss) / mb);
    found.heap.push((again.heapUsed - empty.heapUsed) / agents);
    found.p50.push(percentile(again.wakes, 0.5));
    found.p99.push(percentile(again.wakes, 0.99));
  }
  const spread = Object.fromEntries(Object.entries(found).map(([name, values]) => [name, spreadOf(values)]));
  const many_ = agents.toLocaleString('en-US');
  sayGoal(`resident memory of ${many_} idle agents above an empty host`, shown(spread.rssAgain, 'MB'), { goal: '< 50 MB', isMet: spread.rssAgain.median < 50 });
  say('  the same, on the very first start', shown(spread.rss, 'MB'));
  sayGoal('heap of one hibernated agent', shown(spread.heap, 'bytes'), { goal: '≤ 250 bytes', isMet: spread.heap.median <= 250 });
  sayGoal('wake-up p50', shown(spread.p50, 'ms'), { goal: '≤ 0.25 ms', isMet: spread.p50.median <= 0.25 });
  sayGoal('wake-up p99', shown(spread.p99, 'ms'), { goal: '≤ 1 ms', isMet: spread.p99.median <= 1 });
}

async function measured({ agents: place, dataDirectory }) {
  const side = await openSide('bench/idle-agents/host-side.ts', { execArgv: ['--expose-gc'] });
  try {
    await side.call('start', { agents: place, dataDirectory, hibernateAfter: '1s' });
    await side.call('hibernate');
    const memory = await side.call('memory');
    const wakes = (await side.call('wake', 1_000)).sort((a, b) => a - b);
    await side.call('stop');
    return { ...memory, wakes };
  } finally {
    await side.close();
  }
}
