import type { SessionManager } from '@cortex-runtime/session';

/** Conversations as runs use them; a `SessionManager` is one. */
export type RunSessions = Pick<SessionManager, 'getOrCreate' | 'recordMessage' | 'recordResponse' | 'contextFor' | 'compact'>;
