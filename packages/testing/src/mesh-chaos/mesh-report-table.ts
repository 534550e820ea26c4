import type { MeshReport } from './mesh-chaos.ts';
import { meshFaultKinds } from './mesh-faults.ts';

/** The figures of a chaos run as lines that a person reads. */
export function meshReportTable({ figures, faults, ...report }: MeshReport): string {
  const rows: [string, string | number][] = [
    ['seed, durability class', `${report.seed}, ${report.durability}`],
    ['tasks accepted', figures.accepted],
    ['completed', figures.completed],
    ['dead-lettered (of them given up though good)', `${figures.deadLettered} (${figures.givenUp})`],
    ['cancelled', figures.cancelled],
    ['reported lost, and handed in again', figures.reportedLost],
    ['silent losses (must be 0)', figures.silentLosses],
    ['tasks with two outcomes (must be 0)', figures.doubleOutcomes],
    ['outcomes told, then forgotten by the server', figures.forgottenOutcomes],
    ['runs of tasks (beyond the first)', `${figures.runs} (${figures.repeatedRuns})`],
    ['effects beyond the first of a task', figures.repeatedEffects],
    ['processes started again', report.restarts],
    ['Redis started again', report.redisRestarts],
    ...meshFaultKinds.flatMap((kind): [string, number][] => (faults[kind] === undefined ? [] : [[kind, faults[kind]]])),
    ['time', `${Math.round(report.durationMs / 1_000)} s`],
    ['findings (must be 0)', report.findings.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
