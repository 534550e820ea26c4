import { CortexError, describeError } from '@cortex-runtime/core';

import { extractDiscoveries } from '../extract/extract-discoveries.ts';
import { extractMemoryProposals } from '../extract/extract-memory-proposals.ts';
import type { TaskPayload } from '../task/task-payload.ts';
import type { TaskResult } from '../task/task-result.ts';
import type { Answer } from './collect-answer.ts';

/** Characters of the question that a result repeats, as the Python library does. */
const textChars = 100;
const errorChars = 2_000;

export interface ResultFacts {
  agent: string;
  attempts: number;
  durationMs: number;
}

/** The outcome of a task that was answered. */
export function successOf(payload: TaskPayload, answer: Answer, facts: ResultFacts): TaskResult {
  const result = resultOf(payload, answer, facts);
  result.responseText = answer.text;
  result.discoveries = extractDiscoveries(answer.text);
  result.memoryProposals = extractMemoryProposals(answer.text);
  return result;
}

/** The outcome of a task that failed, with what there was of an answer. */
export function failureOf(payload: TaskPayload, error: unknown, answer: Answer | undefined, facts: ResultFacts): TaskResult {
  const result = resultOf(payload, answer, facts);
  result.status = 'failure';
  result.responseText = answer === undefined || answer.text === '' ? null : answer.text;
  result.error = describeError(error).slice(0, errorChars);
  result.errorCode = CortexError.is(error) ? error.code : error instanceof Error ? error.name : typeof error;
  return result;
}

/** Complete, and of one shape: most of what an agent does in a busy process is to make these. */
function resultOf({ taskId, messageId, complexityTier, sessionId, contextVersion, contextSnapshotId, domain, sender, text }: TaskPayload, answer: Answer | undefined, facts: ResultFacts): TaskResult {
  const usage = answer?.usage ?? {};
  const model = usage['model_used'];
  return {
    taskId, messageId, agent: facts.agent, status: 'success', responseText: null, error: null, errorCode: null,
    durationSeconds: Math.round(facts.durationMs) / 1_000,
    costUsd: amountOf(usage['cost_usd']), numTurns: amountOf(usage['num_turns']), inputTokens: amountOf(usage['input_tokens']), outputTokens: amountOf(usage['output_tokens']),
    modelUsed: typeof model === 'string' ? model : null,
    complexityTier, sessionId, contextVersion, contextSnapshotId, domain, sender, text: text.slice(0, textChars),
    discoveries: [], memoryProposals: [], replyDelivered: null, attempts: facts.attempts,
  };
}

function amountOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
