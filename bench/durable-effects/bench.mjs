/**
 * How many durable effects a second, and how long does one take, against the steps of DBOS on PostgreSQL? `node bench/run.mjs durable-effects [case]`
 *
 * Both sides put each result on stable storage before the next call: fdatasync of the journal here, a synchronous commit there. Rounds alternate.
 */
import { join } from 'node:path';
import { cpuSecondsOf } from '../harness/cpu-seconds.mjs';
import { startPostgres } from '../harness/local-postgres.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { openSide } from '../harness/side.mjs';
import { percentile, ratioOf, spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';

const rounds = 5;
const effectsPerRun = 100;
/** Runs measured at a time are repeated until a sample has at least this many effects. */
const leastEffects = { cortex: 20_000, dbos: 2_000 };

export async function bench(only) {
  const directory = workDirectory();
  sayMachine(directory);
  const postgres = await startPostgres(directory);
  const cortex = await openSide('bench/durable-effects/cortex-side.ts');
  const dbos = await openSide('bench/durable-effects/dbos-side.mjs', { execArgv: ['--no-deprecation'] });
  try {
    await cortex.call('open', join(directory, 'journal'));
    await dbos.call('open', postgres.url);
    console.log(`DBOS on PostgreSQL ${postgres.version}, default settings; ${rounds} rounds, median (least-greatest); class standard: on disk before the next call`);
    const wanted = (name) => only === undefined || name.includes(only);
    if (wanted('latency')) await latency(cortex, dbos);
    if (wanted('throughput')) for (const agents of [1, 10, 100]) await throughput({ cortex, dbos, postgres }, agents);
  } finally {
    await Promise.all([cortex.close(), dbos.call('close').then(() => dbos.close())]);
    await postgres.stop();
  }
}

async function latency(cortex, dbos) {
  // Short rounds, and many: a busy moment of the machine then falls on both sides.
  const rounds = 15;
  const load = { effectsPerRun: 100, agents: 1 };
  const samples = { retry: [], ask: [], dbos: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const found = {
      dbos: await dbos.call('latency', load),
      retry: await cortex.call('latency', { ...load, onUnknown: 'retry' }),
      ask: await cortex.call('latency', { ...load, onUnknown: 'ask' }),
    };
    if (round > 0) for (const [name, values] of Object.entries(found)) samples[name].push(values.sort((a, b) => a - b));
  }
  const at = (name, share) => samples[name].map((sorted) => percentile(sorted, share));
  const ratio = ratioOf(at('retry', 0.5), at('dbos', 0.5));
  sayGoal('one effect ÷ one DBOS step, p50', shown(ratio), { goal: '≤ 0.5', isMet: ratio.median <= 0.5 });
  say('one effect that is never repeated (ask) ÷ one DBOS step', shown(ratioOf(at('ask', 0.5), at('dbos', 0.5))));
  for (const [name, title] of [['retry', 'effect that may be repeated'], ['ask', 'effect that is never repeated'], ['dbos', 'DBOS step']]) {
    say(`  ${title}: p50, p99`, `${shown(spreadOf(at(name, 0.5)))} / ${shown(spreadOf(at(name, 0.99)), 'ms')}`);
  }
}

async function throughput({ cortex, dbos, postgres }, agents) {
  const samples = { retry: [], ask: [], whole: [], dbos: [] };
  const load = { agents, effectsPerRun };
  const cpu = { retry: [], ask: [], whole: [], dbos: [] };
  const repeated = async (name, pids, least, measure) => {
    const values = [];
    const used = () => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
    const before = used();
    let done = 0;
    for (; done < least; done += agents * effectsPerRun) values.push(await measure());
    cpu[name].push(((used() - before) / done) * 1e6);
    return spreadOf(values).median;
  };
  for (let round = 0; round <= rounds; round += 1) {
    const found = {
      dbos: await repeated('dbos', [dbos.pid, postgres.pid], leastEffects.dbos, () => dbos.call('throughput', load)),
      retry: await repeated('retry', [cortex.pid], leastEffects.cortex, () => cortex.call('throughput', { ...load, onUnknown: 'retry' })),
      ask: await repeated('ask', [cortex.pid], leastEffects.cortex, () => cortex.call('throughput', { ...load, onUnknown: 'ask' })),
      whole: await repeated('whole', [cortex.pid], leastEffects.cortex / 4, () => cortex.call('wholeRuns', load)),
    };
    if (round > 0) for (const [name, value] of Object.entries(found)) samples[name].push(value);
  }
  const ratio = ratioOf(samples.retry, samples.dbos);
  const name = `effects/s ÷ DBOS steps/s, ${agents} ${agents === 1 ? 'agent' : 'agents'}`;
  if (agents === 100) sayGoal(name, shown(ratio), { goal: '≥ 20', isMet: ratio.median >= 20 });
  else say(name, shown(ratio));
  say('  the same, never repeated (ask)', shown(ratioOf(samples.ask, samples.dbos)));
  say('  the same, whole agents with model turns and tools', shown(ratioOf(samples.whole, samples.dbos)));
  say('  CPU of a step of DBOS and PostgreSQL ÷ of an effect', shown(ratioOf(cpu.dbos.slice(1), cpu.retry.slice(1))));
  say('  CPU: effect / effect of whole agents / DBOS step', `${shown(spreadOf(cpu.retry.slice(1)))} / ${shown(spreadOf(cpu.whole.slice(1)))} / ${shown(spreadOf(cpu.dbos.slice(1)), 'µs')}`);
  say('  effects: may be repeated', shown(spreadOf(samples.retry), 'per s'));
  say('  effects: never repeated', shown(spreadOf(samples.ask), 'per s'));
  say('  effects of whole agents', shown(spreadOf(samples.whole), 'per s'));
  say('  DBOS steps', shown(spreadOf(samples.dbos), 'per s'));
}
