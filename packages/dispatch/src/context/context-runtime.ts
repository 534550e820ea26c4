import { Domain, type JsonObject } from '@cortex-runtime/core';
import { renderSession, type SessionManager } from '@cortex-runtime/session';
import { z } from 'zod';

import type { TaskPayload } from '../task/task-payload.ts';

export const ContextRuntimeOptions = z.strictObject({
  /** Tokens of a prompt that the conversation may take. */
  maxTokens: z.int().min(100).default(4_000),
});
export type ContextRuntimeOptions = z.input<typeof ContextRuntimeOptions>;

/** Gives tasks the conversation that they belong to: recorded by whoever dispatches, told to whoever answers. */
export class ContextRuntime {
  readonly #sessions: SessionManager;
  readonly #maxTokens: number;

  constructor(deps: { sessions: SessionManager }, options: ContextRuntimeOptions = {}) {
    this.#sessions = deps.sessions;
    this.#maxTokens = ContextRuntimeOptions.parse(options).maxTokens;
  }

  /** Records the message in its session, once, and notes in the task which session that is and how far it had got. */
  async preparePayload(payload: TaskPayload, channel: string): Promise<TaskPayload> {
    const { threadId, senderId, sender, text, messageId, roomId } = payload;
    const { sessionId } = await this.#sessions.getOrCreate({
      channel, domain: domainOf(payload.domain), senderId,
      ...(threadId === null ? {} : { threadId }),
      ...(roomId === null ? {} : { roomId }),
    });
    await this.#sessions.bootstrap(sessionId, historyOf(payload));
    const { session } = await this.#sessions.recordMessage(sessionId, { messageId, senderId, text: text === '' ? '(no text)' : text, ...(sender === '' ? {} : { sender }) });
    return { ...payload, sessionId, contextVersion: session.contextVersion, contextSnapshotId: `${sessionId}:v${session.contextVersion}` };
  }

  /** The prompt with what was said before; undefined for a task without a session. */
  async buildPrompt({ sessionId, messageId, text }: TaskPayload, prompt: string): Promise<string | undefined> {
    if (sessionId === null) return undefined;
    const context = await this.#sessions.contextFor(sessionId, { query: text });
    const rendered = renderSession(context, { maxTokens: this.#maxTokens, currentMessageId: messageId }).text;
    return rendered === '' ? prompt : `${rendered}\n\n${prompt}`;
  }

  /** Records the answer, once, and sums the conversation up when that is due. */
  async recordResponse({ sessionId, taskId }: TaskPayload, agent: string, text: string, metadata: JsonObject = {}): Promise<void> {
    if (sessionId === null || text === '') return;
    const { isSummaryDue } = await this.#sessions.recordResponse(sessionId, { messageId: `reply:${taskId}`, senderId: agent, sender: agent, text, metadata });
    if (isSummaryDue) await this.#sessions.compact(sessionId);
  }
}

/** Sessions know the departments; what belongs to none of them is general. */
function domainOf(domain: string): string {
  try {
    return Domain.parse(domain).department;
  } catch {
    return 'general';
  }
}

/** What the channel says was said before, without the message itself. */
function historyOf({ threadContext, messageId, text: own, senderId }: TaskPayload): { messageId: string; senderId: string; sender?: string; text: string; isBot?: boolean }[] {
  return threadContext.flatMap((entry, index) => {
    const isLast = index === threadContext.length - 1;
    if (isLast && entry['text'] === own && (entry['sender_id'] ?? senderId) === senderId) return [];
    const [text, sender, id] = [entry['text'], entry['sender'], entry['message_id'] ?? entry['id']];
    if (typeof text !== 'string' || text === '' || id === messageId) return [];
    const name = typeof sender === 'string' && sender !== '' ? sender : 'unknown';
    return [{ messageId: typeof id === 'string' && id !== '' ? id : `${messageId}:bootstrap:${index}`, senderId: typeof entry['sender_id'] === 'string' ? entry['sender_id'] : name, sender: name, text, isBot: entry['is_bot'] === true }];
  });
}
