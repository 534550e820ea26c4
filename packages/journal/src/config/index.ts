export { JournalConfig, JournalLevel } from './journal-config.ts';
