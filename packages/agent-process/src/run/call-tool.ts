import { CortexError, describeError, StreamChunkKind, type Clock, type JsonObject, type StreamChunk, type Timer } from '@cortex-runtime/core';
import { EffectDeferredError, UnknownOutcomeError, type EffectAttempt, type EffectLog, type EffectOutcome, type EffectToRun, type ProbeAnswer } from '@cortex-runtime/journal';
import type { ModelToolCall } from '@cortex-runtime/models';
import { capResult, ToolOutcomeUnknownError, validateArguments, type PluginApprovalPendingError, type Tool, type ToolCallContext, type ToolResult } from '@cortex-runtime/plugins';

import type { ToolSet } from './tool-set.ts';

export interface CallToolInput {
  call: ModelToolCall;
  effectId: string;
  runId: string;
  processName: string;
  tools: ToolSet;
  effects: EffectLog;
  clock: Clock;
  signal: AbortSignal;
  /** Milliseconds, for tools that do not bring their own. */
  timeoutMs: number;
  maxResultChars: number;
  /** Whether a call that needs an approval waits for it; else the model is told. */
  mayWait: boolean;
  publish: (chunk: StreamChunk) => void;
}

/** `parked`: a person has to settle whether it happened, or to approve it. */
export type CallToolOutcome = { status: 'done'; result: ToolResult } | { status: 'parked'; effectId: string };

/** Milliseconds that a tool has to answer after it was told to give up. */
const cancelGraceMs = 1_000;

/** One tool call as a journaled effect. What the model did wrong (no such tool, arguments that do not fit) and what a tool throws come back as results that say so. */
export async function callTool(input: CallToolInput): Promise<CallToolOutcome> {
  const { call, tools, clock, publish } = input;
  publish({ kind: StreamChunkKind.TOOL_CALL, data: JSON.stringify(call.arguments), metadata: { id: call.id, name: call.name } });
  const tool = tools.get(call.name);
  const startedAt = clock.monotonic();
  let outcome: EffectOutcome;
  try {
    outcome = await input.effects.run(effectOf(tool, input), async (attempt) => {
      const result = await execute(tool, call, contextOf(input, attempt), input);
      return { ...resultDocument(result, input.maxResultChars), duration_ms: Math.round(clock.monotonic() - startedAt) };
    });
  } catch (error) {
    if (error instanceof UnknownOutcomeError || error instanceof EffectDeferredError) return { status: 'parked', effectId: input.effectId };
    throw error;
  }
  const { content, is_error } = outcome.result as { content: string; is_error: boolean };
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  publish({ kind: StreamChunkKind.TOOL_RESULT, data: text, metadata: { tool_call_id: call.id, name: call.name, is_error, from: outcome.from } });
  return { status: 'done', result: { content: text, isError: is_error } };
}

function effectOf(tool: Tool | undefined, input: CallToolInput): EffectToRun {
  const { call } = input;
  const probe = tool?.probe?.bind(tool);
  return {
    effectId: input.effectId,
    runId: input.runId,
    kind: 'tool',
    name: call.name,
    input: call.arguments,
    details: { tool_call_id: call.id },
    onUnknown: tool?.onUnknown ?? 'retry',
    ...(probe === undefined ? {} : { probe: async (attempt): Promise<ProbeAnswer> => {
      try {
        const found = await probe(call.arguments, contextOf(input, attempt));
        return found.happened ? { happened: true, result: resultDocument(found.result, input.maxResultChars) } : found;
      } catch {
        return { happened: 'unknown' };
      }
    } }),
  };
}

function resultDocument(result: ToolResult, maxChars: number): JsonObject {
  const isKept = result.structured !== undefined && JSON.stringify(result.structured).length <= maxChars;
  return { content: capResult(result.content, maxChars), ...(isKept ? { structured: result.structured } : {}), is_error: result.isError };
}

async function execute(tool: Tool | undefined, call: ModelToolCall, context: ToolCallContext, input: CallToolInput): Promise<ToolResult> {
  if (tool === undefined) return { content: `there is no tool ${JSON.stringify(call.name)}; there are ${input.tools.names().join(', ')}`, isError: true };
  const valid = validateArguments(tool, call.arguments);
  if (!valid.ok) return { content: valid.message, isError: true };
  const timeoutMs = tool.timeoutMs ?? input.timeoutMs;
  const cancellation = new AbortController();
  let expire: (error: Error) => void = () => {};
  const expired = new Promise<never>((_, reject) => (expire = reject));
  expired.catch(() => {});
  const timers: Timer[] = [];
  // A tool that hears the signal knows best whether its call was sent; one that does not answer even then leaves the outcome unknown.
  const giveUp = (why: string) => {
    cancellation.abort(new Error(why));
    timers.push(input.clock.setTimer(cancelGraceMs, () => expire(new ToolOutcomeUnknownError(tool.name, why))));
  };
  timers.push(input.clock.setTimer(timeoutMs, () => giveUp(`no answer within ${timeoutMs} ms`)));
  const onAbort = () => giveUp('the run was cut off while the call was under way');
  input.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (input.signal.aborted) throw input.signal.reason;
    return await Promise.race([tool.execute(call.arguments, { ...context, signal: cancellation.signal }), expired]);
  } catch (error) {
    if (CortexError.is(error) && error.code === 'TOOL_OUTCOME_UNKNOWN') {
      // What changes nothing may simply be told: the model can ask again.
      if (tool.isReadOnly && !input.signal.aborted) return { content: describeError(error), isError: true };
      throw error;
    }
    if (input.mayWait && needsApproval(error)) {
      throw new EffectDeferredError(input.effectId, tool.name, 'it waits for an approval', { approval_id: error.approvalId, expires_at: new Date(error.expiresAt).toISOString() }, { cause: error });
    }
    if (input.signal.aborted) throw error;
    return { content: `the tool failed: ${describeError(error)}`, isError: true };
  } finally {
    for (const timer of timers) timer.cancel();
    input.signal.removeEventListener('abort', onAbort);
  }
}

/** By code: the plugin that asks may come with a copy of the package of its own. */
function needsApproval(error: unknown): error is PluginApprovalPendingError {
  return CortexError.is(error) && error.code === 'PLUGIN_APPROVAL_PENDING';
}

function contextOf(input: CallToolInput, { idempotencyKey, waitedFor, mayRepeat }: EffectAttempt): ToolCallContext {
  const approvalId = waitedFor?.['approval_id'];
  return {
    processName: input.processName,
    runId: input.runId,
    effectId: input.effectId,
    idempotencyKey,
    ...(typeof approvalId === 'string' ? { approvalId } : {}),
    ...(mayRepeat === undefined ? {} : { mayRepeat }),
    signal: input.signal,
  };
}
