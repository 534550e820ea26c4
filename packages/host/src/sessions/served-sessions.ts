import type { ServedSessions } from '@cortex-runtime/server';
import type { Session, SessionManager, SessionMessage } from '@cortex-runtime/session';

/** The sessions as the HTTP server sees them. */
export function servedSessions(sessions: Pick<SessionManager, 'list' | 'get' | 'transcript'>): ServedSessions {
  return {
    list: async (query) => (await sessions.list(query)).map(sessionDocument),
    async transcript(sessionId, query) {
      const session = await sessions.get(sessionId);
      return { session: sessionDocument(session), messages: (await sessions.transcript(sessionId, query)).map(messageDocument) };
    },
  };
}

function sessionDocument({ sessionId, channel, domain, threadId, state, participants, messageCount, createdAt, lastActivityAt }: Session) {
  return {
    session_id: sessionId,
    channel,
    domain,
    thread_id: threadId,
    state,
    participants,
    message_count: messageCount,
    created_at: new Date(createdAt).toISOString(),
    last_activity_at: new Date(lastActivityAt).toISOString(),
  };
}

function messageDocument({ seq, messageId, sender, senderId, isBot, text, sentAt }: SessionMessage) {
  return { seq, message_id: messageId, sender, sender_id: senderId, is_bot: isBot, text, sent_at: new Date(sentAt).toISOString() };
}
