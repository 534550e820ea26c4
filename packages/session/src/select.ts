import type { Session, SessionMessage } from './session.ts';
import type { SessionQuery, TranscriptQuery } from './session-store.ts';

/** The part of a whole transcript that a query asks for. */
export function selectMessages(transcript: readonly SessionMessage[], { afterSeq = 0, untilSeq = transcript.length, limit }: TranscriptQuery): SessionMessage[] {
  const until = Math.max(0, Math.min(untilSeq, transcript.length));
  const from = Math.max(0, afterSeq, limit === undefined ? 0 : until - limit);
  return transcript.slice(Math.min(from, until), until);
}

/** The sessions that a query asks for, the most recently active first. */
export function selectSessions(sessions: readonly Session[], { state, channel, domain, limit = 100 }: SessionQuery): Session[] {
  return sessions
    .filter((session) => (state === undefined || session.state === state) && (channel === undefined || session.channel === channel) && (domain === undefined || session.domain === domain))
    .sort((a, b) => b.lastActivityAt - a.lastActivityAt || (a.sessionId < b.sessionId ? 1 : -1))
    .slice(0, limit);
}
