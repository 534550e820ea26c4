import { idGenerator, type JsonObject } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import type { ModelRequest } from '@cortex-runtime/models';
import { FileSessionStore, SessionManager, type SessionConfig, type SessionManagerDeps } from '@cortex-runtime/session';

import type { AgentProcess } from '../../src/index.ts';

const createId = idGenerator({ clock: systemClock, random: systemRandom });

/** Sessions in a directory, as a process that starts opens them. */
export async function fileSessions(directory: string, config: SessionConfig = {}, deps: Partial<SessionManagerDeps> = {}): Promise<SessionManager> {
  const store = await FileSessionStore.open({ disk: nodeDisk, createId }, directory);
  return new SessionManager({ store, clock: systemClock, random: systemRandom, createId, ...deps }, config);
}

export const thread = { channel: 'slack', domain: 'eng', threadId: 'T-17' } as const;

/** A message of the thread, as an event of an agent. */
export function say(process: AgentProcess, text: string, said: JsonObject & { message_id: string }, eventId = `event-${said.message_id}`) {
  const session = { channel: thread.channel, domain: thread.domain, thread_id: thread.threadId, sender: 'Anna', sender_id: 'u1', text, ...said };
  return process.inject({ triggerType: 'chat', eventId, payload: { session } });
}

/** The transcript of the thread: who wrote what. */
export async function transcriptOf(sessions: SessionManager): Promise<[sender: string, text: string][]> {
  const { sessionId } = await sessions.getOrCreate(thread);
  return (await sessions.transcript(sessionId)).map(({ isBot, senderId, text }) => [isBot ? `agent ${senderId}` : senderId, text.replace(/\s*\[scripted answer: .*/s, '')]);
}

/** What a request tells of the conversation, besides the event; empty when it tells nothing. */
export function recordIn(request: ModelRequest | undefined): string {
  return request?.messages.find(({ content }) => content.startsWith('This is the record of a conversation'))?.content ?? '';
}
