export type { JournalEntry, NewJournalEntry } from './journal-entry.ts';
export type { Checkpoint, Journal, JournalHead, JournalQuery, PendingWrite } from './journal.ts';
export type { Projection, ProjectionStates } from './projection.ts';
export { JournalConfig, JournalLevel } from './config/index.ts';
export {
  DataDirectoryInUseError,
  DataDirectoryLostError,
  EffectFailedError,
  JournalClosedError,
  JournalCorruptError,
  JournalFailedError,
  JournalFormatError,
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
