import type { JsonObject } from '@cortex-runtime/core';
import type { ModelProvider, ModelUsage } from '@cortex-runtime/models';

import type { RunInput } from './execute-run.ts';
import { modelTurnFromDocument, modelTurnToDocument, takeModelTurn } from './model-turn.ts';

/** What calls outside of a run's turns came to. */
export interface MeteredCalls {
  calls: number;
  usage: ModelUsage;
  /** USD; null when one of the calls has no known price. */
  cost: number | null;
}

/** What a metered model needs of its run. */
export type MeteredModelInput = Pick<RunInput, 'runId' | 'processName' | 'triggerType' | 'model' | 'effects' | 'clock' | 'signal' | 'costOf'>;

/**
 * The model of a run for work besides its turns, such as a summary: every call is a journaled effect with its tokens and its price, served when the run is taken up
 * again. Its answers come whole, and nobody is shown them.
 *
 * @param purpose - what the calls are for; part of their effects' ids
 */
export function meteredModel(input: MeteredModelInput, purpose: string): { model: ModelProvider; total: MeteredCalls } {
  const { runId, model, effects } = input;
  const total: MeteredCalls = { calls: 0, usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 }, cost: 0 };
  return {
    total,
    model: {
      modelId: model.modelId,
      isLanguageModel: model.isLanguageModel,
      async *stream(request) {
        total.calls += 1;
        const turn = total.calls;
        const { result } = await effects.run(
          { effectId: `${runId}/${purpose}/${turn}/llm`, runId, kind: 'model', name: model.modelId, input: { turn, messages: request.messages.length }, details: { purpose, turn }, onUnknown: 'retry' },
          async ({ idempotencyKey }) =>
            modelTurnToDocument(
              await takeModelTurn({
                model,
                messages: request.messages,
                tools: request.tools,
                ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
                ...(request.maxOutputTokens === undefined ? {} : { maxOutputTokens: request.maxOutputTokens }),
                idempotencyKey,
                run: { runId, turn, processName: input.processName, triggerType: input.triggerType },
                signal: input.signal,
                clock: input.clock,
                costOf: input.costOf,
                publish: () => undefined,
              }),
            ),
        );
        const { text, usage, cost, finishReason } = modelTurnFromDocument(result as JsonObject);
        total.usage.inputTokens += usage.inputTokens;
        total.usage.outputTokens += usage.outputTokens;
        total.usage.cachedInputTokens += usage.cachedInputTokens;
        total.cost = total.cost === null || cost === null ? null : total.cost + cost;
        yield { type: 'text', text };
        yield { type: 'finish', reason: finishReason, usage };
      },
    },
  };
}
