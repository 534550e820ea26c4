export { PostgresSessionStore, PostgresSessionStoreOptions, type PostgresPool } from './postgres-session-store.ts';
