import { CortexError, describeError } from '@cortex-runtime/core';

import { extractDiscoveries } from '../extract/extract-discoveries.ts';
import { extractMemoryProposals } from '../extract/extract-memory-proposals.ts';
import type { TaskPayload } from '../task/task-payload.ts';
import { TaskResult, type TaskResultInput } from '../task/task-result.ts';
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
  return TaskResult.parse({
    ...about(payload, facts),
    status: 'success',
    responseText: answer.text,
    ...usageOf(answer),
    discoveries: extractDiscoveries(answer.text),
    memoryProposals: extractMemoryProposals(answer.text),
  } satisfies TaskResultInput);
}

/** The outcome of a task that failed, with what there was of an answer. */
export function failureOf(payload: TaskPayload, error: unknown, answer: Answer | undefined, facts: ResultFacts): TaskResult {
  return TaskResult.parse({
    ...about(payload, facts),
    status: 'failure',
    responseText: answer === undefined || answer.text === '' ? null : answer.text,
    error: describeError(error).slice(0, errorChars),
    errorCode: CortexError.is(error) ? error.code : error instanceof Error ? error.name : typeof error,
    ...(answer === undefined ? {} : usageOf(answer)),
  } satisfies TaskResultInput);
}

function about(payload: TaskPayload, { agent, attempts, durationMs }: ResultFacts): Pick<TaskResultInput, 'taskId' | 'messageId' | 'agent'> & Partial<TaskResultInput> {
  const { taskId, messageId, complexityTier, sessionId, contextVersion, contextSnapshotId, domain, sender, text } = payload;
  return { taskId, messageId, agent, complexityTier, sessionId, contextVersion, contextSnapshotId, domain, sender, text: text.slice(0, textChars), attempts, durationSeconds: Math.round(durationMs) / 1_000 };
}

function usageOf({ usage }: Answer): Partial<TaskResultInput> {
  const amount = (name: string) => (typeof usage[name] === 'number' && Number.isFinite(usage[name]) ? (usage[name] as number) : null);
  const model = usage['model_used'];
  return {
    costUsd: amount('cost_usd'), numTurns: amount('num_turns'), inputTokens: amount('input_tokens'), outputTokens: amount('output_tokens'),
    modelUsed: typeof model === 'string' ? model : null,
  };
}
