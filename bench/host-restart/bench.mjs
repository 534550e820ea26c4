/**
 * How long after `kill -9` of a host with ten thousand agents do all of them run again? `node bench/run.mjs host-restart`
 *
 * A real `cortex start` child is killed once everything is at work, and started again on the same data directory. The clock runs from the start of the new process
 * to the moment in which every agent is at work, which the HTTP API then confirms agent by agent.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentDirectory } from '../harness/agent-directory.mjs';
import { cpuSecondsOf } from '../harness/cpu-seconds.mjs';
import { cortexCommand, startCliHost } from '../harness/cli-host.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';

const agents = Number(process.env.BENCH_AGENTS ?? 10_000);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);

export async function bench() {
  const directory = workDirectory();
  sayMachine(directory);
  const manifests = agentDirectory(join(directory, 'agents'), agents);
  const dataDirectory = join(directory, 'data');
  const start = () => startCliHost([cortexCommand, 'start', manifests, '--json', '--data-dir', dataDirectory]);

  let host = start();
  const first = await atWork(host);
  const ready = [];
  const running = [];
  const cpu = [];
  for (let round = 0; round < rounds; round += 1) {
    await host.kill();
    host = start();
    ready.push((await host.until('listening')).afterMs);
    running.push(await atWork(host));
    cpu.push(cpuSecondsOf(host.pid));
    await confirmRunning((await host.until('listening')).url, dataDirectory);
  }
  await host.kill();
  const spread = spreadOf(running.map((ms) => ms / 1_000));
  const many = agents.toLocaleString('en-US');
  sayGoal(`kill -9 to all ${many} agents running again`, shown(spread, 's'), { goal: '< 5 s', isMet: spread.median < 5 });
  const readySpread = spreadOf(ready.map((ms) => ms / 1_000));
  sayGoal('  to the host listening, the journal read', shown(readySpread, 's'), { goal: '< 1 s', isMet: readySpread.median < 1 });
  say('  CPU that it takes, all threads', shown(spreadOf(cpu), 's'));
  say('  the very first start, when each is written down', `${(first / 1_000).toFixed(1)} s`);
}

async function atWork(host) {
  const { started, failed, skipped, afterMs } = await host.until('started');
  if (started.length !== agents) throw new Error(`${started.length} of ${agents} agents started, ${failed.length} failed, ${skipped.length} were skipped; the first: ${JSON.stringify(failed[0] ?? skipped[0])}`);
  return afterMs;
}

async function confirmRunning(url, dataDirectory) {
  const token = readFileSync(join(dataDirectory, 'token'), 'utf8').trim();
  const response = await fetch(new URL('/api/v1/processes', url), { headers: { authorization: `Bearer ${token}` } });
  const body = await response.json();
  const listed = Array.isArray(body) ? body : body.processes;
  const running = listed.filter(({ state }) => state === 'running').length;
  if (running !== agents) throw new Error(`the API says that ${running} of ${agents} agents run`);
}
