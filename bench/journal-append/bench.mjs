/**
 * What does a durable append cost above the disk's own price? `node bench/run.mjs journal-append [case]`
 *
 * Both sides have every entry on stable storage before they go on (write + fdatasync), except where a case says otherwise. Rounds alternate.
 */
import { open, appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { importSource } from '../../tools/source-bundle.mjs';
import { say, sayGoal, sayMachine, shown } from '../harness/report.mjs';
import { ratioOf, spreadOf } from '../harness/statistics.mjs';
import { workDirectory } from '../harness/work-directory.mjs';

const rounds = 7;

export async function bench(only) {
  const directory = workDirectory();
  sayMachine(directory);
  console.log(`${rounds} rounds, median (least-greatest)`);
  const { openJournal, appendInTurn, appendTogether } = await importSource('bench/journal-append/journal-side.ts');
  const wanted = (name) => only === undefined || name.includes(only);
  let made = 0;
  const fresh = () => join(directory, `run-${(made += 1)}`);

  if (wanted('one-agent')) {
    const count = 1_000;
    const samples = { journal: [], bare: [] };
    for (let round = 0; round <= rounds; round += 1) {
      const journal = await openJournal(fresh());
      const { ms, lines } = await appendInTurn(journal, count);
      await journal.close();
      const bareMs = await bareInTurn(fresh(), lines);
      if (round > 0) {
        samples.journal.push((ms / count) * 1000);
        samples.bare.push((bareMs / count) * 1000);
      }
    }
    const ratio = ratioOf(samples.journal, samples.bare);
    sayGoal('one agent: append ÷ bare write + fdatasync of the same bytes', shown(ratio), { goal: '≤ 2', isMet: ratio.median <= 2 });
    say('  append', shown(spreadOf(samples.journal), 'µs'));
    say('  bare write + fdatasync', shown(spreadOf(samples.bare), 'µs'));
  }

  for (const agents of [1, 16, 256, 2_000]) {
    if (!wanted(`agents-${agents}`)) continue;
    const each = Math.ceil((agents === 1 ? 2_000 : 100_000) / agents);
    const samples = { journal: [], json: [], bytes: [] };
    for (let round = 0; round <= rounds; round += 1) {
      const journal = await openJournal(fresh());
      const { ms, line, entry } = await appendTogether(journal, agents, each);
      await journal.close();
      const jsonMs = await rawGroupCommit(fresh(), () => `${JSON.stringify(entry)}\n`, agents, each);
      const bytesMs = await rawGroupCommit(fresh(), () => line, agents, each);
      if (round > 0) {
        samples.journal.push((agents * each) / (ms / 1000));
        samples.json.push((agents * each) / (jsonMs / 1000));
        samples.bytes.push((agents * each) / (bytesMs / 1000));
      }
      for (const run of [made - 2, made - 1, made]) await rm(join(directory, `run-${run}`), { recursive: true });
    }
    const ratio = ratioOf(samples.journal, samples.json);
    const name = `${agents} ${agents === 1 ? 'agent' : 'agents'}: appends/s ÷ raw group commit of JSON lines`;
    if (agents === 256) sayGoal(name, shown(ratio), { goal: '≥ 0.4', isMet: ratio.median >= 0.4 });
    else say(name, shown(ratio));
    say('  ÷ raw group commit of bytes that are there already', shown(ratioOf(samples.journal, samples.bytes)));
    say('  journal, hash chain and numbering included', shown(spreadOf(samples.journal), 'per s'));
    say('  raw group commit of JSON lines', shown(spreadOf(samples.json), 'per s'));
    say('  raw group commit of ready-made bytes', shown(spreadOf(samples.bytes), 'per s'));
  }

  if (wanted('append-file')) {
    const samples = { journal: [], naive: [] };
    for (let round = 0; round <= rounds; round += 1) {
      const journal = await openJournal(fresh());
      const { ms, line } = await appendTogether(journal, 256, 100);
      await journal.close();
      const path = fresh();
      const begun = performance.now();
      for (let index = 0; index < 5_000; index += 1) await appendFile(path, line);
      const naiveMs = performance.now() - begun;
      if (round > 0) {
        samples.journal.push(25_600 / (ms / 1000));
        samples.naive.push(5_000 / (naiveMs / 1000));
      }
    }
    say('256 agents: appends/s ÷ fs.promises.appendFile (not durable)', shown(ratioOf(samples.journal, samples.naive)));
    say('  fs.promises.appendFile, in memory only', shown(spreadOf(samples.naive), 'per s'));
  }
}

/** One write and one sync for each line, one after another. */
async function bareInTurn(path, lines) {
  const file = await open(path, 'w');
  const begun = performance.now();
  for (const line of lines) {
    await file.write(line);
    await file.datasync();
  }
  const ms = performance.now() - begun;
  await file.close();
  return ms;
}

/** The limit: as many writers, who share writes and syncs, without numbering, checks, hashes or links. `lineOf` makes the line of each append, or hands out one that is there. */
async function rawGroupCommit(path, lineOf, writers, each) {
  const file = await open(path, 'w');
  let waiting = [];
  let running = false;
  const commit = async () => {
    running = true;
    while (waiting.length > 0) {
      for (let turn = 0; turn < 8; turn += 1) await undefined;
      const batch = waiting;
      waiting = [];
      await file.write(Buffer.from(batch.map(({ line }) => line).join('')));
      await file.datasync();
      for (const { resolve } of batch) resolve();
    }
    running = false;
  };
  const append = () =>
    new Promise((resolve) => {
      waiting.push({ line: lineOf(), resolve });
      if (!running) void commit();
    });
  const begun = performance.now();
  await Promise.all(Array.from({ length: writers }, async () => {
    for (let index = 0; index < each; index += 1) await append();
  }));
  const ms = performance.now() - begun;
  await file.close();
  return ms;
}
