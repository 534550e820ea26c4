export type { JournalEntry, NewJournalEntry } from './journal-entry.ts';
export type { Checkpoint, Journal, JournalHead, JournalQuery, PendingWrite } from './journal.ts';
export type { Projection, ProjectionStates } from './projection.ts';
export { JournalConfig, JournalLevel } from './config/index.ts';
