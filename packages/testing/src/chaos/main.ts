import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { describeError } from '@cortex-runtime/core';

import { crashHarness, CrashRunError } from '../crash-harness/crash-harness.ts';
import { crashReportTable } from '../crash-harness/report-table.ts';

const usage = `usage: npm run chaos -- [--kills 200] [--events 520] [--seed N] [--keep]
       npm run chaos -- --mutants

Kills a real host at random instants and judges what is left. Exit code 1 when a promise was broken.`;

/** `npm run chaos`. @returns the exit code */
export async function main(argv: readonly string[], paths: { command: string[]; counterModule: string }): Promise<number> {
  let values: { kills?: string; events?: string; seed?: string; keep?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: { kills: { type: 'string' }, events: { type: 'string' }, seed: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean' } },
    }));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return 2;
  }
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const [kills, events, seed] = [values.kills ?? '200', values.events ?? '520', values.seed ?? String(Date.now() % 1_000_000)].map(Number);
  if (![kills, events, seed].every((each) => Number.isInteger(each) && (each ?? 0) >= 1)) {
    console.error(`--kills, --events and --seed take whole numbers from 1\n${usage}`);
    return 2;
  }
  console.log(`seed ${seed}: again with  npm run chaos -- --kills ${kills} --events ${events} --seed ${seed}`);
  const report = await crashHarness({ ...paths, kills, events, seed, keep: values.keep ?? false }, (line) => console.log(line));
  console.log(`\n${crashReportTable(report)}`);
  for (const { rule, message } of report.findings.slice(0, 50)) console.log(`✗ ${rule}: ${message}`);
  if (report.directory !== undefined) console.log(`kept: ${report.directory}`);
  return report.findings.length === 0 ? 0 : 1;
}

/** A host with a bug, built for one run. */
export type BuildMutant = (name: string) => Promise<{ command: string[]; remove(): void }>;

/** `npm run chaos -- --mutants`: each hand-made bug must be found. @returns the exit code: 1 when one lived */
export async function mainMutants(names: readonly string[], build: BuildMutant, paths: { counterModule: string }): Promise<number> {
  let lived = 0;
  for (const name of names) {
    const { command, remove } = await build(name);
    let found: string;
    try {
      const report = await crashHarness({ ...paths, command, kills: 14, events: 48, seed: 7, drainMs: 15_000 });
      const rules = [...new Set(report.findings.map(({ rule }) => rule))];
      found = rules.join(', ');
    } catch (error) {
      if (!(error instanceof CrashRunError)) throw error;
      rmSync(error.directory, { recursive: true, force: true });
      found = `broke off: ${describeError(error.cause).slice(0, 80)}`;
    } finally {
      remove();
    }
    if (found === '') lived += 1;
    console.log(`${found === '' ? '✗ lived ' : '✓ caught'} ${name}${found === '' ? '' : `: ${found}`}`);
  }
  console.log(`${names.length - lived} of ${names.length} caught`);
  return lived === 0 ? 0 : 1;
}
