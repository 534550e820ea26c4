export { crashHarness, CrashHarnessOptions, CrashRunError, type CrashReport } from './crash-harness.ts';
export { judgeCrashRun, type CrashEvidence, type CrashFigures, type CrashFinding, type ExecutedCall, type ReceivedModelCall } from './judge-crash-run.ts';
export { crashReportTable } from './report-table.ts';
