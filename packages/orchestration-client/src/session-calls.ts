import { toDocument } from '@cortex-runtime/core';

import { SessionList, SessionsRequest, TranscriptReply, TranscriptRequest } from './contract/index.ts';
import type { CallOptions, ContractCall, Query } from './contract-call.ts';

/** Calls about the conversations of a host. */
export function sessionCalls(call: ContractCall) {
  return {
    /** The most recently active first. */
    listSessions: async (query: SessionsRequest = {}, options?: CallOptions): Promise<SessionList['sessions']> =>
      (await call(SessionList, 'GET', '/runtime/sessions', { ...options, query: toDocument(SessionsRequest, query) as Query })).sessions,
    getTranscript: (sessionId: string, query: TranscriptRequest = {}, options?: CallOptions): Promise<TranscriptReply> =>
      call(TranscriptReply, 'GET', `/runtime/sessions/${encodeURIComponent(sessionId)}/messages`, { ...options, query: toDocument(TranscriptRequest, query) as Query }),
  };
}
