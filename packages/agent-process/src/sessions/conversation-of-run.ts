import { CortexError, describeError, type JsonObject, type Logger } from '@cortex-runtime/core';
import type { EffectLog } from '@cortex-runtime/journal';
import type { MemoryAccess } from '@cortex-runtime/memory/config';
import type { ModelProvider } from '@cortex-runtime/models';
import { modelSummarizer, renderSession, type EventSession } from '@cortex-runtime/session';

import { unlessAborted } from '../run/unless-aborted.ts';
import type { RunSessions } from './run-sessions.ts';

export interface ConversationDeps {
  sessions: RunSessions;
  effects: EffectLog;
  logger: Logger;
}

/** Which run it is, and of whom. */
export interface ConversationRun {
  runId: string;
  processName: string;
  signal: AbortSignal;
}

/** Where the event of a run stands in its session. */
interface Place {
  session_id: string;
  seq: number;
}

/** Times that a session may be closed between being found and being written to. */
const maxClosings = 3;

/**
 * The conversation that the event of a run belongs to: recorded before the run, shown to its model, and given the reply after it.
 *
 * Both recordings are effects under ids of their own: a run that is taken up again finds its session, and neither turn is there twice.
 */
export class ConversationOfRun {
  readonly #deps: ConversationDeps;
  readonly #run: ConversationRun;
  readonly #said: EventSession;
  readonly #place: Place;

  private constructor(deps: ConversationDeps, run: ConversationRun, said: EventSession, place: Place) {
    this.#deps = deps;
    this.#run = run;
    this.#said = said;
    this.#place = place;
  }

  /**
   * Finds or begins the session and records what was said.
   *
   * @throws SessionError, retryable when the store failed or others were first too often
   */
  static async begin(deps: ConversationDeps, run: ConversationRun, said: EventSession): Promise<ConversationOfRun> {
    const { channel, domain, threadId, messageId, senderId } = said;
    const input = { channel, domain, ...(threadId === undefined ? {} : { thread_id: threadId }), sender_id: senderId, message_id: messageId };
    const { result } = await deps.effects.run({ effectId: `${run.runId}/session/message`, runId: run.runId, kind: 'session', name: 'record_message', input, onUnknown: 'retry' }, async () => {
      const { session, message } = await unlessAborted(recordInOpenSession(deps.sessions, said), run.signal);
      return { session_id: session.sessionId, seq: message.seq };
    });
    return new ConversationOfRun(deps, run, said, result as unknown as Place);
  }

  get sessionId(): string {
    return this.#place.session_id;
  }

  /** Where the event stands in the conversation: its message's number, and who wrote it. */
  get current(): { seq: number; sender: string; senderId: string } {
    return { seq: this.#place.seq, sender: this.#said.sender, senderId: this.#said.senderId };
  }

  /** What the model is told of the conversation besides the event, within `maxTokens`; undefined when the session was deleted meanwhile. */
  async render({ maxTokens, access }: { maxTokens: number; access: MemoryAccess }): Promise<string | undefined> {
    try {
      const context = await unlessAborted(this.#deps.sessions.contextFor(this.sessionId, { query: this.#said.text.slice(0, 2_000) }), this.#run.signal);
      const memories = context.memories.filter(({ category }) => access.read.includes(category));
      return renderSession({ ...context, memories }, { maxTokens, currentMessageId: this.#said.messageId, isCurrentApart: true }).text;
    } catch (error) {
      this.#tolerate(error, 'the conversation is gone; the run goes on without it');
      return undefined;
    }
  }

  /**
   * Records the reply. A session that was closed or deleted meanwhile takes none; the journal has it.
   *
   * @returns whether enough has been said for a summary
   * @throws SessionError when trying again may help: the run is taken up again, and only this is left to do
   */
  async recordReply(text: string): Promise<{ isSummaryDue: boolean }> {
    const { runId, processName } = this.#run;
    if (text.trim() === '') return { isSummaryDue: false };
    const input: JsonObject = { session_id: this.sessionId, message_id: `${runId}:reply` };
    try {
      const { result } = await this.#deps.effects.run({ effectId: `${runId}/session/reply`, runId, kind: 'session', name: 'record_reply', input, onUnknown: 'retry' }, async () => {
        const metadata = { run_id: runId, in_reply_to: this.#said.messageId };
        const reply = { messageId: `${runId}:reply`, sender: processName, senderId: processName, text, metadata };
        const { message, isSummaryDue } = await unlessAborted(this.#deps.sessions.recordResponse(this.sessionId, reply), this.#run.signal);
        return { seq: message.seq, is_summary_due: isSummaryDue };
      });
      return { isSummaryDue: (result as { is_summary_due?: boolean }).is_summary_due === true };
    } catch (error) {
      this.#tolerate(error, 'the reply could not be added to its conversation');
      return { isSummaryDue: false };
    }
  }

  /** Sums up what was said before the newest turns: by the model, or by extraction where there is none. What goes wrong waits for the next run. */
  async sumUp(model: ModelProvider): Promise<void> {
    const { sessions, logger } = this.#deps;
    try {
      const { signal } = this.#run;
      await unlessAborted(sessions.compact(this.sessionId, { signal, summarizer: modelSummarizer({ model, logger }) }), signal);
    } catch (error) {
      this.#run.signal.throwIfAborted();
      logger.warn({ runId: this.#run.runId, sessionId: this.sessionId, error: describeError(error) }, 'a conversation could not be summed up; the next run tries again');
    }
  }

  /** Lets through what the run can do without: that a session is not there any more, or takes nothing. */
  #tolerate(error: unknown, message: string): void {
    if (!CortexError.is(error) || error.retryable || !error.code.startsWith('SESSION_')) throw error;
    this.#deps.logger.warn({ runId: this.#run.runId, sessionId: this.sessionId, error: error.message }, message);
  }
}

/** A session that is closed between being found and being written to is followed by another. */
async function recordInOpenSession(sessions: RunSessions, said: EventSession) {
  const { channel, domain, threadId, sender, senderId, messageId, text } = said;
  for (let closings = 0; ; closings += 1) {
    const { sessionId } = await sessions.getOrCreate({ channel, domain, threadId, senderId });
    try {
      return await sessions.recordMessage(sessionId, { messageId, sender, senderId, text });
    } catch (error) {
      const isClosed = CortexError.is(error) && error.code === 'SESSION_CLOSED';
      if (!isClosed || closings >= maxClosings) throw error;
    }
  }
}
