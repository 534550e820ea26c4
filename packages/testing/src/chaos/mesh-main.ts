import { parseArgs } from 'node:util';

import { meshChaos, meshReportTable, type MeshFaultKind } from '../mesh-chaos/index.ts';

const usage = `usage: npm run chaos -- --mesh [--tasks 100000] [--seed N] [--faults N] [--durability standard|strict] [--flush] [--keep]
       npm run chaos -- --mesh --mutants

Breaks the processes, the connections and the Redis of a real mesh at moments that the seed draws, and judges what is left. Exit code 1 when a promise was broken.`;

/** `npm run chaos -- --mesh`. @returns the exit code */
export async function main(argv: readonly string[], paths: { programModule: string }): Promise<number> {
  let values: { tasks?: string; seed?: string; faults?: string; durability?: string; flush?: boolean; keep?: boolean; help?: boolean; mesh?: boolean };
  try {
    const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
    ({ values } = parseArgs({ args: [...argv], options: { mesh: flag, tasks: text, seed: text, faults: text, durability: text, flush: flag, keep: flag, help: flag } }));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return 2;
  }
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const [tasks, seed] = [values.tasks ?? '100000', values.seed ?? String(Date.now() % 1_000_000)].map(Number) as [number, number];
  const faults = Number(values.faults ?? Math.ceil(tasks / 400));
  const durability = values.durability ?? 'standard';
  if (![tasks, seed, faults].every((each) => Number.isInteger(each) && each >= 1) || (durability !== 'standard' && durability !== 'strict')) {
    console.error(`--tasks, --seed and --faults take whole numbers from 1, and --durability takes standard or strict\n${usage}`);
    return 2;
  }
  console.log(`seed ${seed}: again with  npm run chaos -- --mesh --tasks ${tasks} --faults ${faults} --durability ${durability} --seed ${seed}${values.flush === true ? ' --flush' : ''}`);
  const report = await meshChaos({ ...paths, tasks, seed, faults, durability, flush: values.flush ?? false, keep: values.keep ?? false }, (line) => console.log(line));
  console.log(`\n${meshReportTable(report)}`);
  for (const { rule, message } of report.findings.slice(0, 50)) console.log(`✗ ${rule}: ${message}`);
  if (report.directory !== undefined) console.log(`kept: ${report.directory}`);
  return report.findings.length === 0 ? 0 : 1;
}

/** A hand-made bug. */
export interface MeshMutant {
  name: string;
  /** To be tried on a server that loses writes. */
  isForgetful?: boolean;
  /** The faults that bring it out; all of them when left out. */
  kinds?: readonly MeshFaultKind[];
}

/** The processes of a mesh with a bug, built for one run. */
export type BuildMeshMutant = (name: string) => Promise<{ programModule: string; remove(): void }>;

/** `npm run chaos -- --mesh --mutants`: each hand-made bug must be found, and nothing where there is none. @returns the exit code: 1 when one lived */
export async function mainMutants(mutants: readonly MeshMutant[], build: BuildMeshMutant, paths: { programModule: string }): Promise<number> {
  const rulesFor = async (programModule: string, { isForgetful = false, kinds }: Omit<MeshMutant, 'name'>) => {
    const durability = isForgetful ? 'standard' : 'strict';
    const report = await meshChaos({ programModule, tasks: 1_600, faults: isForgetful && kinds !== undefined ? 10 : 40, seed: 7, drainMs: 15_000, durability, ...(kinds === undefined ? {} : { kinds: [...kinds] }) });
    return { rules: [...new Set(report.findings.map(({ rule }) => rule))].join(', '), findings: report.findings };
  };
  for (const isForgetful of [false, true]) {
    const { rules, findings } = await rulesFor(paths.programModule, { isForgetful });
    console.log(`${rules === '' ? '✓ nothing' : '✗ something'} found without a bug${isForgetful ? ', on a server that loses writes' : ''}${rules === '' ? '' : `: ${rules}`}`);
    for (const { rule, message } of findings.slice(0, 20)) console.log(`  ${rule}: ${message}`);
    if (rules !== '') return 1;
  }
  let lived = 0;
  for (const { name, ...how } of mutants) {
    const { programModule, remove } = await build(name);
    const { rules: found } = await rulesFor(programModule, how).finally(remove);
    if (found === '') lived += 1;
    console.log(`${found === '' ? '✗ lived ' : '✓ caught'} ${name}${found === '' ? '' : `: ${found}`}`);
  }
  console.log(`${mutants.length - lived} of ${mutants.length} caught`);
  return lived === 0 ? 0 : 1;
}
