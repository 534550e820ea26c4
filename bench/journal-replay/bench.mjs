/**
 * How fast is a journal read back? `node bench/run.mjs journal-replay [case]`
 *
 * The yardstick is a loop that reads the same file, parses each line and adds up a field: no journal can do with less.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { importSource } from '../../tools/source-bundle.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { ratioOf, spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';

const rounds = 5;
const events = Number(process.env.BENCH_EVENTS ?? 1_000_000);

export async function bench(only) {
  const directory = workDirectory();
  sayMachine(directory);
  const { fill, openTimed, replay, wake } = await importSource('bench/journal-replay/journal-side.ts');
  const wanted = (name) => only === undefined || name.includes(only);

  if (wanted('replay') || wanted('open')) {
    const one = join(directory, 'one');
    await fill(one, 1, events);
    console.log(`${events.toLocaleString('en-US')} events of one agent; ${rounds} rounds, median (least-greatest)`);
    if (wanted('replay')) {
      const samples = { journal: [], parse: [] };
      for (let round = 0; round <= rounds; round += 1) {
        const parse = parseLoop(join(one, 'segments'));
        const journal = await replay(one);
        if (round > 0) {
          samples.journal.push(journal.entries / (journal.ms / 1000));
          samples.parse.push(parse.entries / (parse.ms / 1000));
        }
      }
      const ratio = ratioOf(samples.journal, samples.parse);
      sayGoal('replay, every hash verified ÷ JSON.parse loop', shown(ratio), { goal: '≥ 0.5', isMet: ratio.median >= 0.5 });
      say('  replay: read, verify, parse, fold', shown(spreadOf(samples.journal), 'events per s'));
      say('  JSON.parse loop', shown(spreadOf(samples.parse), 'events per s'));
    }
    if (wanted('open')) {
      const withIndex = [];
      for (let round = 0; round <= rounds; round += 1) {
        const { ms } = await openTimed(one);
        if (round > 0) withIndex.push(ms);
      }
      sayGoal('open with its index', shown(spreadOf(withIndex), 'ms'), { goal: '< 500 ms', isMet: spreadOf(withIndex).median < 500 });
      rmSync(join(one, 'index.json'));
      say('open without an index: every segment read and verified', `${Math.round((await openTimed(one)).ms).toLocaleString('en-US')} ms`);
    }
    rmSync(one, { recursive: true });
  }

  if (wanted('agents')) {
    const many = join(directory, 'many');
    await fill(many, 10_000, 10);
    const opened = [];
    for (let round = 0; round <= rounds; round += 1) {
      const { ms } = await openTimed(many);
      if (round > 0) opened.push(ms);
    }
    say('open with 10,000 agents', shown(spreadOf(opened), 'ms'));
    const { p50, p99, allMs, bytesPerAgent } = await wake(many);
    sayGoal('wake one of 10,000 agents: checkpoint and tail, p50 / p99', `${p50.toFixed(2)} / ${p99.toFixed(2)} ms`, { goal: '≤ 1 / 5 ms', isMet: p50 <= 1 && p99 <= 5 });
    say('wake all 10,000, a hundred at a time', `${Math.round(allMs)} ms`);
    say('memory of a sleeping agent in the journal', `${Math.round(bytesPerAgent)} bytes`);
  }
}

function parseLoop(folder) {
  const begun = performance.now();
  let entries = 0;
  let sum = 0;
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name));
    for (let start = 256, end = bytes.indexOf(10, start); end !== -1; start = end + 1, end = bytes.indexOf(10, start)) {
      sum += JSON.parse(bytes.toString('utf8', start, end)).data.amount;
      entries += 1;
    }
  }
  if (!(sum > 0)) throw new Error('nothing was read');
  return { entries, ms: performance.now() - begun };
}
