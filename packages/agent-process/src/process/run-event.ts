import { describeError, randomHex, resolveReferences, type Logger, type StreamChunk } from '@cortex-runtime/core';
import type { ProcessConfig } from '@cortex-runtime/manifest';
import type { MemoryResult } from '@cortex-runtime/memory';
import { readEventSession } from '@cortex-runtime/session';
import { triggerEventFromDocument } from '@cortex-runtime/triggers';

import type { AgentContext } from '../context/agent-context.ts';
import type { PendingEvent } from '../mailbox/mailbox-projection.ts';
import { contextTools } from '../run/context-tools.ts';
import { executeRun, type RunInput, type RunOutcome } from '../run/execute-run.ts';
import { memoryOrigin } from '../run/memory-origin.ts';
import { memoryTools } from '../run/memory-tools.ts';
import { meshTools } from '../run/mesh-tools.ts';
import { buildPrompt } from '../run/prompt.ts';
import { storeExchange } from '../run/store-exchange.ts';
import { collectTools } from '../run/tool-set.ts';
import type { RuntimeDependencies } from '../runtime/runtime-dependencies.ts';
import { ConversationOfRun } from '../sessions/conversation-of-run.ts';
import { endConversation } from '../sessions/end-conversation.ts';
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

/** Gathers what a run needs (model, tools, memories, conversation), runs its loop, and keeps what came of it where it belongs. */
export async function runEvent(input: RunEventInput): Promise<RunOutcome> {
  const { deps, config, live, record, context, logger, pending } = input;
  const event = triggerEventFromDocument(pending.event);
  const said = deps.sessions === undefined ? undefined : readEventSession(event);
  // First of all: whoever else takes part in the conversation reads it, whatever becomes of this run.
  const conversation = said === undefined || deps.sessions === undefined ? undefined : await ConversationOfRun.begin({ sessions: deps.sessions, effects: record.effects, logger }, input, said);
  const ofMemory = deps.typedMemory === undefined ? [] : memoryTools(deps.typedMemory, config.context.memoryAccess, memoryOrigin(input, event, said));
  const maxDepth = config.breaker.enabled ? config.breaker.maxDepth : undefined;
  const ofMesh = deps.mesh === undefined ? [] : meshTools(deps.mesh, config.mesh, { processName: input.processName, cause: [...event.cause, event.eventId], maxDepth });
  const [model, tools] = await Promise.all([live.model(config), collectTools([...contextTools(context), ...ofMemory, ...ofMesh, ...(deps.tools ?? [])], live.sources(config), logger)]);
  const memories = await relevantMemories(input, said?.text ?? (typeof event.payload === 'string' ? event.payload : JSON.stringify(event.payload)));
  const shown = await conversation?.render({ maxTokens: config.context.sessionMaxTokens, access: config.context.memoryAccess });
  const prompt = buildPrompt({
    processName: input.processName,
    instructions: config.instructions === undefined ? undefined : resolveReferences(config.instructions, deps.environment, 'instructions'),
    state: context.stateSnapshot(),
    writableKeys: context.writableKeys,
    env: context.env,
    files: context.files,
    memories,
    conversation: conversation === undefined && config.context.conversationHistory ? [...record.states.conversation.messages] : [],
    ...(conversation === undefined ? {} : { session: { text: shown, current: conversation.current } }),
    event,
    maxPayloadChars: config.triggerDelivery.maxPayloadChars,
    nonce: randomHex(deps.random, 6),
  });
  const run: RunInput = {
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
  };
  const outcome = await executeRun(run);
  if (outcome.status !== 'completed') return outcome;
  if (config.context.memoryAutoStore) await storeExchange({ ...input, effects: record.effects }, event, outcome.response);
  return conversation === undefined ? outcome : endConversation(conversation, run, outcome);
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
