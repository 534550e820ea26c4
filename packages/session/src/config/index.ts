export { SessionConfig, type SessionSettings } from './session-config.ts';
