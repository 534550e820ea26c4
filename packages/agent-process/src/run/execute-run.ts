import { StreamChunkKind, type Clock, type JsonObject, type Logger, type StreamChunk } from '@cortex-runtime/core';
import type { EffectLog } from '@cortex-runtime/journal';
import type { ModelMessage, ModelProvider, ModelUsage } from '@cortex-runtime/models';

import { RunFailedError } from '../errors.ts';
import { callTool } from './call-tool.ts';
import { modelTurnFromDocument, modelTurnToDocument, takeModelTurn, type ModelTurn } from './model-turn.ts';
import type { ToolSet } from './tool-set.ts';

export interface RunInput {
  runId: string;
  processName: string;
  triggerType: string;
  /** What opens the run; see `buildPrompt`. */
  prompt: readonly ModelMessage[];
  model: ModelProvider;
  modelOptions: { temperature?: number; maxOutputTokens?: number };
  tools: ToolSet;
  effects: EffectLog;
  maxTurns: number;
  toolTimeoutMs: number;
  maxToolResultChars: number;
  /** Whether a call that needs an approval waits for it; else the model is told. */
  mayWait: boolean;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  costOf: (modelId: string, usage: ModelUsage) => number | undefined;
  publish: (chunk: StreamChunk) => void;
}

export type RunOutcome =
  | { status: 'completed'; response: string; turns: number; toolCalls: number; usage: ModelUsage; cost: number | null; /** Where the exchange is kept instead of in the agent's own conversation. */ sessionId?: string }
  /** Waits until a person has settled or approved these effects; nothing of it is held in memory. */
  | { status: 'parked'; effectIds: string[] };

/**
 * The loop of a run: one model turn, then its tool calls, each a journaled effect, until the model is done.
 *
 * To take an interrupted run up again is to run this again with the same `runId`: whatever has a recorded outcome is served from the journal.
 *
 * @throws RunFailedError when the model takes more than `maxTurns` turns; the model's and the journal's errors as they are
 */
export async function executeRun(input: RunInput): Promise<RunOutcome> {
  const messages: ModelMessage[] = [...input.prompt];
  const totals = { turns: 0, toolCalls: 0, usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 }, cost: 0 as number | null };
  for (let turn = 1; turn <= input.maxTurns; turn += 1) {
    input.signal.throwIfAborted();
    const answer = await modelTurn(input, messages, turn);
    totals.turns += 1;
    totals.usage.inputTokens += answer.usage.inputTokens;
    totals.usage.outputTokens += answer.usage.outputTokens;
    totals.usage.cachedInputTokens += answer.usage.cachedInputTokens;
    totals.cost = totals.cost === null || answer.cost === null ? null : totals.cost + answer.cost;
    if (answer.toolCalls.length === 0) {
      input.publish({ kind: StreamChunkKind.COMPLETE, metadata: { turns: totals.turns, tool_calls: totals.toolCalls, cost: totals.cost } });
      return { status: 'completed', response: answer.text, ...totals };
    }
    messages.push({ role: 'assistant', content: answer.text, toolCalls: answer.toolCalls });
    const waiting = await callTools(input, messages, answer, turn);
    if (waiting.length > 0) return { status: 'parked', effectIds: waiting };
    totals.toolCalls += answer.toolCalls.length;
  }
  throw new RunFailedError(`the model took ${input.maxTurns} turns without an end; raise max_turns or mend the instructions`, { retryable: false });
}

async function modelTurn(input: RunInput, messages: readonly ModelMessage[], turn: number): Promise<ModelTurn> {
  const { runId, model } = input;
  const outcome = await input.effects.run(
    { effectId: `${runId}/${turn}/llm`, runId, kind: 'model', name: model.modelId, input: { turn, messages: messages.length }, details: { turn }, onUnknown: 'retry' },
    async ({ idempotencyKey }) =>
      modelTurnToDocument(
        await takeModelTurn({
          model,
          messages,
          tools: input.tools.modelTools(),
          ...input.modelOptions,
          idempotencyKey,
          run: { runId, turn, processName: input.processName, triggerType: input.triggerType },
          signal: input.signal,
          clock: input.clock,
          costOf: input.costOf,
          publish: input.publish,
        }),
      ),
  );
  const answer = modelTurnFromDocument(outcome.result as JsonObject);
  if (outcome.from !== 'execution' && answer.text !== '') input.publish({ kind: StreamChunkKind.OUTPUT, data: answer.text, metadata: { served: true } });
  return answer;
}

/** In the order in which the model wrote them: a later call may rely on an earlier one. Calls after one that waits are not begun. */
async function callTools(input: RunInput, messages: ModelMessage[], answer: ModelTurn, turn: number): Promise<string[]> {
  for (const [index, call] of answer.toolCalls.entries()) {
    input.signal.throwIfAborted();
    if (call.problem !== undefined) {
      messages.push({ role: 'tool', toolCallId: call.id, toolName: call.name, content: call.problem, isError: true });
      continue;
    }
    const outcome = await callTool({
      call,
      effectId: `${input.runId}/${turn}/${index}`,
      runId: input.runId,
      processName: input.processName,
      tools: input.tools,
      effects: input.effects,
      clock: input.clock,
      signal: input.signal,
      timeoutMs: input.toolTimeoutMs,
      maxResultChars: input.maxToolResultChars,
      mayWait: input.mayWait,
      publish: input.publish,
    });
    if (outcome.status === 'parked') return [outcome.effectId];
    messages.push({ role: 'tool', toolCallId: call.id, toolName: call.name, content: outcome.result.content, ...(outcome.result.isError ? { isError: true } : {}) });
  }
  return [];
}
