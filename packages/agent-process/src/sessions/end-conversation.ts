import type { RunInput, RunOutcome } from '../run/execute-run.ts';
import { meteredModel } from '../run/metered-model.ts';
import type { ConversationOfRun } from './conversation-of-run.ts';

type Completed = Extract<RunOutcome, { status: 'completed' }>;

/** Gives a conversation the reply of a run, then sums it up when that is due. What the summary costs is the run's, and so are its calls. */
export async function endConversation(conversation: ConversationOfRun, run: RunInput, outcome: Completed): Promise<Completed> {
  const { isSummaryDue } = await conversation.recordReply(outcome.response);
  const { model, total } = meteredModel(run, 'summary');
  if (isSummaryDue) await conversation.sumUp(model);
  const { inputTokens, outputTokens, cachedInputTokens } = outcome.usage;
  return {
    ...outcome,
    sessionId: conversation.sessionId,
    turns: outcome.turns + total.calls,
    usage: { inputTokens: inputTokens + total.usage.inputTokens, outputTokens: outputTokens + total.usage.outputTokens, cachedInputTokens: cachedInputTokens + total.usage.cachedInputTokens },
    cost: outcome.cost === null || total.cost === null ? null : outcome.cost + total.cost,
  };
}
