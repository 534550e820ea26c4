import { findRedisServer } from '@cortex-runtime/bus/testing/servers';
import { beforeAll, describe, expect, it } from 'vitest';

import { judgeMeshRun, meshChaos, meshReportTable, type MeshEvidence, type MeshReport } from '../src/mesh-chaos/index.ts';

const seed = Number(process.env['CORTEX_SEED'] ?? 20_260_101);
/** `npm run chaos -- --mesh` does the same with 100,000 tasks. */
const slices = { standard: { tasks: 400, faults: 16 }, strict: { tasks: 300, faults: 14 } } as const;

const canRun = findRedisServer() !== undefined;
/** Both at once: most of a run is waiting for leases to run out. */
const reports = { standard: undefined as MeshReport | undefined, strict: undefined as MeshReport | undefined };
beforeAll(async () => {
  if (!canRun) return;
  const { bundleSource } = (await import(new URL('../../../tools/source-bundle.mjs', import.meta.url).href)) as { bundleSource(entry: string): Promise<string> };
  const programModule = await bundleSource('packages/testing/src/mesh-chaos/index.ts');
  await Promise.all((['standard', 'strict'] as const).map(async (durability) => {
    const report = await meshChaos({ programModule, seed, durability, submitters: 2, workers: 2, ...slices[durability] });
    reports[durability] = report;
    console.log(meshReportTable(report));
  }));
}, 240_000);

// D1–D5, D9, D10, D14, D15 and D18 at once, as far as a short run goes.
describe.skipIf(!canRun).each(['standard', 'strict'] as const)('a mesh of the class %s that is broken at random', (durability) => {
  let report: MeshReport;
  beforeAll(() => {
    report = reports[durability] as MeshReport;
  });

  it('gives every accepted task one outcome, and tells its submitters', () => {
    expect(report.findings).toEqual([]);
    expect(report.figures).toMatchObject({ accepted: slices[durability].tasks, silentLosses: 0, doubleOutcomes: 0 });
    expect(report.figures.completed + report.figures.deadLettered + report.figures.cancelled).toBe(slices[durability].tasks);
  });

  it('was broken: processes and the server died, and tasks were run again', () => {
    expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBe(slices[durability].faults);
    expect(report.restarts).toBeGreaterThanOrEqual(3);
    expect(report.redisRestarts).toBeGreaterThanOrEqual(1);
    expect(report.figures.repeatedRuns).toBeGreaterThan(0);
    expect(report.figures.deadLettered).toBeGreaterThanOrEqual(2);
  });

  // A verdict about a real history is worth what it says about a broken one.
  it.each<[string, string, (evidence: MeshEvidence) => MeshEvidence]>([
    ['an outcome too many', 'two-outcomes', (all) => ({ ...all, outcomes: all.outcomes.flatMap((each, index) => (index === 0 ? [each, each] : [each])) })],
    ['an outcome of nobody’s task', 'outcome-without-submit', (all) => ({ ...all, outcomes: all.outcomes.map((each, index) => (index === 0 ? { ...each, taskId: 'ghost' } : each)) })],
    ['a dead letter that is missing', 'wrong-dead-letters', (all) => ({ ...all, deadLetters: all.deadLetters.slice(1) })],
    ['tasks that no agent has run', 'outcome-without-run', (all) => ({ ...all, histories: new Map([...all.histories].filter(([life]) => !life.startsWith('worker'))) })],
    ['a submitter that was told nothing', 'not-told', (all) => ({ ...all, histories: new Map([...all.histories].map(([life, records]) => [life, records.filter(({ at }) => at !== 'told')])) })],
  ])('would have found %s in this very history', (_, rule, spoil) => {
    expect(judgeMeshRun(spoil(report.evidence)).findings.map((finding) => finding.rule)).toContain(rule);
  });
});
