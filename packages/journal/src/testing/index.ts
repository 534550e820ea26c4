export { describeJournalContract, type OpenJournal } from './journal-contract.ts';
