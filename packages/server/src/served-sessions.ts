/** What the HTTP API needs of the sessions of a host. Documents are snake_case already. */
export interface ServedSessions {
  list(query: { state?: 'active' | 'idle' | 'paused' | 'closed'; channel?: string; domain?: string; limit: number }): Promise<readonly object[]>;
  /** @throws an error with code SESSION_NOT_FOUND */
  transcript(sessionId: string, query: { afterSeq: number; limit: number }): Promise<{ session: object; messages: readonly object[] }>;
}
