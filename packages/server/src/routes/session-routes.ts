import { parseDocument } from '@cortex-runtime/core';
import { SessionsRequest, TranscriptRequest } from '@cortex-runtime/orchestration-client/contract';

import type { RouteGroup } from './route-context.ts';

/** Routes where people read the conversations of agents. */
export const sessionRoutes: RouteGroup = (app, { deps: { sessions } }) => {
  if (sessions === undefined) return;

  app.get('/runtime/sessions', async (request) => {
    const { state, channel, domain, limit } = parseDocument(SessionsRequest, { ...(request.query as object) }, 'the query');
    const found = await sessions.list({ limit, ...(state === undefined ? {} : { state }), ...(channel === undefined ? {} : { channel }), ...(domain === undefined ? {} : { domain }) });
    return { sessions: found, count: found.length };
  });

  app.get('/runtime/sessions/:sessionId/messages', async (request) => {
    const { sessionId } = request.params as { sessionId: string };
    const { session, messages } = await sessions.transcript(sessionId, parseDocument(TranscriptRequest, { ...(request.query as object) }, 'the query'));
    return { session, messages, count: messages.length };
  });
};
