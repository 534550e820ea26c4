import { describeError, randomHex, resolveReferences, type Logger, type StreamChunk } from '@cortex-runtime/core';
import type { ProcessConfig } from '@cortex-runtime/manifest';
import type { MemoryResult } from '@cortex-runtime/memory';
import { triggerEventFromDocument } from '@cortex-runtime/triggers';

import type { AgentContext } from '../context/agent-context.ts';
import type { PendingEvent } from '../mailbox/mailbox-projection.ts';
import { contextTools } from '../run/context-tools.ts';
import { executeRun, type RunOutcome } from '../run/execute-run.ts';
import { buildPrompt } from '../run/prompt.ts';
import { collectTools } from '../run/tool-set.ts';
import type { RuntimeDependencies } from '../runtime/runtime-dependencies.ts';
import type { LiveProcess } from './live-process.ts';
import type { ProcessRecord } from './process-record.ts';

export interface RunEventInput {
  deps: RuntimeDependencies;
  config: ProcessConfig;
  live: LiveProcess;
  record: ProcessRecord;
  context: AgentContext;
  logger: Logger;
  processName: string;
  pending: PendingEvent;
  runId: string;
  signal: AbortSignal;
  publish: (chunk: StreamChunk) => void;
}

/** Gathers what a run needs (model, tools, memories, conversation), then runs its loop. */
export async function runEvent(input: RunEventInput): Promise<RunOutcome> {
  const { deps, config, live, record, context, logger, pending } = input;
  const event = triggerEventFromDocument(pending.event);
  const [model, tools] = await Promise.all([live.model(config), collectTools([...contextTools(context), ...(deps.tools ?? [])], live.sources(config), logger)]);
  const { conversation } = record.states;
  const prompt = buildPrompt({
    processName: input.processName,
    instructions: config.instructions === undefined ? undefined : resolveReferences(config.instructions, deps.environment, 'instructions'),
    state: context.stateSnapshot(),
    writableKeys: context.writableKeys,
    env: context.env,
    files: context.files,
    memories: await relevantMemories(input, typeof event.payload === 'string' ? event.payload : JSON.stringify(event.payload)),
    conversation: config.context.conversationHistory ? [...conversation.messages] : [],
    event,
    maxPayloadChars: config.triggerDelivery.maxPayloadChars,
    nonce: randomHex(deps.random, 6),
  });
  const outcome = await executeRun({
    runId: input.runId,
    processName: input.processName,
    triggerType: event.triggerType,
    prompt,
    model,
    modelOptions: {
      ...(config.modelOptions.temperature === undefined ? {} : { temperature: config.modelOptions.temperature }),
      ...(config.modelOptions.maxOutputTokens === undefined ? {} : { maxOutputTokens: config.modelOptions.maxOutputTokens }),
    },
    tools,
    effects: record.effects,
    maxTurns: config.maxTurns,
    toolTimeoutMs: config.toolTimeoutMs,
    maxToolResultChars: config.maxToolResultChars,
    mayWait: deps.isApprovalAnswered !== undefined,
    clock: deps.clock,
    logger,
    signal: input.signal,
    costOf: (modelId, usage) => deps.costOf?.(modelId, usage),
    publish: input.publish,
  });
  if (outcome.status === 'completed' && config.context.memoryAutoStore) {
    await context.addMemory(outcome.response, { metadata: { run_id: input.runId, event_id: event.eventId } }).catch((error: unknown) => {
      logger.warn({ runId: input.runId, error: describeError(error) }, 'the exchange could not be stored in memory');
    });
  }
  return outcome;
}

/** Memory helps a run; a memory that is slow or down does not stop it. */
async function relevantMemories(input: RunEventInput, query: string): Promise<MemoryResult[]> {
  const { context, config, deps, logger } = input;
  if (context.memory === undefined) return [];
  const { memoryMax, memoryMinScore, memoryTimeoutMs } = config.context;
  let expire: (memories: MemoryResult[]) => void = () => {};
  const expired = new Promise<MemoryResult[]>((resolve) => (expire = resolve));
  const timer = deps.clock.setTimer(memoryTimeoutMs, () => {
    logger.warn({ runId: input.runId, memoryTimeoutMs }, 'the memory search took too long and is left out');
    expire([]);
  });
  try {
    return await Promise.race([context.searchMemory(query.slice(0, 2_000), { limit: memoryMax, minScore: memoryMinScore }), expired]);
  } catch (error) {
    logger.warn({ runId: input.runId, error: describeError(error) }, 'the memory search failed and is left out');
    return [];
  } finally {
    timer.cancel();
  }
}
