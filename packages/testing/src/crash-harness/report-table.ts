import type { CrashReport } from './crash-harness.ts';

/** The figures of a crash run as lines that a person reads. */
export function crashReportTable(report: CrashReport): string {
  const { figures, readyMs } = report;
  const { happened, notHappened, retry } = figures.unknownSettled;
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['kills (of them while starting, in a call)', `${report.kills} (${report.killsWhileStarting}, ${report.killsInCall})`],
    ['webhooks acknowledged', report.acknowledged],
    ['deliveries told to be duplicates', report.duplicates],
    ['files dropped', report.files],
    ['cron occurrences', figures.cronOccurrences],
    ['events accepted / closed', `${figures.eventsAccepted} / ${figures.eventsClosed}`],
    ['dead letters', figures.deadLetters],
    ['runs interrupted and taken up again', figures.runsInterrupted],
    ['effects', figures.effects],
    ['unknown effects settled', `${happened + notHappened + retry} (happened ${happened}, not ${notHappened}, retry ${retry})`],
    ['repeatable calls repeated, same key', figures.repeatedBeforeOutcome],
    ['model calls repeated, same key', figures.repeatedModelCalls],
    ['repeated effects (must be 0)', figures.repeatedEffects],
    ['journal entries', figures.entries],
    ['cortex verify', report.verifyExitCode === 0 ? 'intact' : `exit code ${String(report.verifyExitCode)}`],
    ['ready after a kill, median / p95 / max', `${[readyMs.median, readyMs.p95, readyMs.max].map((ms) => Math.round(ms)).join(' / ')} ms`],
    ['time', `${Math.round(report.durationMs / 1_000)} s`],
    ['findings (must be 0)', report.findings.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
