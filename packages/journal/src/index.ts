export type { JournalEntry, NewJournalEntry } from './journal-entry.ts';
export type { Checkpoint, Journal, JournalHead, JournalQuery, PendingWrite } from './journal.ts';
export type { Projection, Projections, ProjectionStates } from './projection.ts';
export { JournalConfig, JournalLevel } from './config/index.ts';
export {
  DataDirectoryInUseError,
  DataDirectoryLostError,
  EffectDeferredError,
  JournalClosedError,
  JournalCorruptError,
  JournalFailedError,
  JournalFormatError,
  LogAsleepError,
  NonDeterminismError,
  UnknownOutcomeError,
} from './errors.ts';
export { FileJournal, FileJournalOptions, type FileJournalDeps } from './file/file-journal.ts';
export type { RecoveryReport } from './file/recover-segments.ts';
export { repairJournal, verifyJournal, type RepairDeps, type VerifyDeps, type VerifyReport } from './verify-journal.ts';
export { checkHistory, HistoryChecker, type HistoryOptions, type HistoryReport, type HistoryRule, type HistoryViolation } from './check-history.ts';
export { InMemoryJournal, InMemoryJournalOptions, type InMemoryJournalDeps } from './in-memory-journal.ts';
export { LockOptions, openDataDirectoryLock, soleOwnerLock, type DataDirectoryLock, type LockDeps } from './lock/data-directory-lock.ts';
export type { ProcessTable } from './lock/process-table.ts';
export { isRecordedAt } from './is-recorded-at.ts';
export { checkpointState, foldEntry, initialStates, recoverStates, statesFromCheckpoint, type FoldedStates, type Recovered } from './fold-entries.ts';
export { ProcessLog, type OwnJournalEntry, type ProcessLogOptions } from './process-log.ts';
export { contextStateProjection, lifecycleStateProjection, ReplayEngine, type RecoveredProcess } from './replay-engine.ts';
export { OnUnknown, type Effect } from './effects/effect-entries.ts';
export { effectsProjection, type EffectRecord, type EffectsState } from './effects/effects-projection.ts';
export { EffectLog, type DeferredEffect, type EffectAttempt, type EffectOutcome, type EffectResolution, type EffectToRun, type ProbeAnswer } from './effects/effect-log.ts';
