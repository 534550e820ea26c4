import { fileURLToPath } from 'node:url';

import { crashHarness, crashReportTable, judgeCrashRun, type CrashEvidence, type CrashReport } from '@cortex-runtime/testing/crash-harness';
import { beforeAll, describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin/cortex.mjs', import.meta.url));

/** `npm run chaos` does the same with 200 kills and a seed of the day. */
const slice = { kills: 25, events: 80, seed: 20_260_101 };

// Catalogue: the crash harness of the spine; A3 and C2 are in their own files.
describe('a host that is killed at random instants under load', () => {
  let report: CrashReport;

  beforeAll(async () => {
    const { bundleSource } = (await import(new URL('../../../tools/source-bundle.mjs', import.meta.url).href)) as { bundleSource(entry: string): Promise<string> };
    const counterModule = await bundleSource('packages/testing/src/counting-mcp-server.ts');
    report = await crashHarness({ command: [process.execPath, bin], counterModule, ...slice });
    console.log(crashReportTable(report));
  }, 300_000);

  it('closes every acknowledged event once, repeats no recorded effect, and retries no unknown one unasked', () => {
    expect(report.findings).toEqual([]);
    expect(report.figures.repeatedEffects).toBe(0);
    expect(report.verifyExitCode).toBe(0);
  });

  it('was under load when it was killed: every kind of event came, and runs were interrupted', () => {
    const { figures } = report;
    expect(report.acknowledged).toBe(slice.events * 0.75);
    expect(report.files).toBe(slice.events * 0.25);
    expect(figures.cronOccurrences).toBeGreaterThan(10);
    expect(figures.eventsClosed).toBe(figures.eventsAccepted);
    expect(figures.runsInterrupted).toBeGreaterThan(slice.kills / 2);
    expect(report.killsInCall).toBe(3);
    expect(figures.unknownSettled.happened).toBeGreaterThanOrEqual(report.killsInCall);
  });

  // A verdict about a real history is worth what it says about a broken one.
  it.each<[string, string, (evidence: CrashEvidence) => CrashEvidence]>([
    ['a result that is missing', 'event-not-closed', (all) => ({ ...all, entries: without(all, 'invocation_result') })],
    ['a lost acknowledged event', 'acknowledged-event-lost', (all) => ({ ...all, acknowledged: [...all.acknowledged, { processId: 'webhook-desk', eventId: 'lost' }] })],
    ['a decision that is missing', 'went-on-unasked', (all) => ({ ...all, entries: without(all, 'effect_resolved') })],
    ['an execution too many', 'executed-twice', (all) => ({ ...all, executions: all.executions.flatMap((call) => (call.tool === 'add_value' ? [call, call] : [call])) })],
    ['an execution after the outcome', 'executed-after-outcome', (all) => ({ ...all, executions: all.executions.map((call) => ({ ...call, executedAt: call.executedAt + 3_600_000 })) })],
  ])('would have found %s in this very history', (_, rule, spoil) => {
    expect(judgeCrashRun(spoil(report.evidence)).findings.map((finding) => finding.rule)).toContain(rule);
  });
});

/** The entries without the first of a type; the numbers close the gap, so that only the meaning is broken. */
function without({ entries }: CrashEvidence, type: string): CrashEvidence['entries'] {
  const victim = entries.find((entry) => entry.entryType === type);
  return entries.filter((entry) => entry !== victim).map((entry) => (victim !== undefined && entry.processId === victim.processId && entry.seq > victim.seq ? { ...entry, seq: entry.seq - 1 } : entry));
}
