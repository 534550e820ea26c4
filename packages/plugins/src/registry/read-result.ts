import { assertJsonValue, describeError } from '@cortex-runtime/core';

import type { PluginResult } from '../protocol/service-plugin.ts';
import type { ToolResult } from '../tool.ts';

/**
 * What a plugin returned, when that is a result of plain JSON. Anything else is a result too: the action *was* executed, and saying "error" alone
 * would invite somebody to do it again.
 */
export function readResult(name: string, isReadOnly: boolean, returned: unknown): PluginResult {
  const problem = problemOf(returned);
  if (problem === undefined) return JSON.parse(JSON.stringify({ ...(returned as PluginResult) })) as PluginResult;
  const advice = isReadOnly ? '' : '; do not call it again, it would happen twice';
  return { success: false, error: `${name} was executed, but what it returned can not be used: ${problem}${advice}`, metadata: { executed: true, code: 'PLUGIN_RESULT_INVALID' } };
}

function problemOf(returned: unknown): string | undefined {
  if (typeof returned !== 'object' || returned === null) return `result is ${returned === null ? 'null' : `a ${typeof returned}`}, not { success, data }`;
  const { success, error, content, metadata } = returned as Record<string, unknown>;
  if (typeof success !== 'boolean') return 'result.success is no boolean';
  if (error !== undefined && typeof error !== 'string') return 'result.error is no string';
  if (content !== undefined && typeof content !== 'string') return 'result.content is no string';
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))) return 'result.metadata is no object';
  try {
    assertJsonValue({ ...returned }, 'result');
    return undefined;
  } catch (problem) {
    return describeError(problem);
  }
}

/** The result as a model is told it. */
export function asToolResult({ success, data, content, error }: PluginResult): ToolResult {
  if (!success) return { content: [error ?? 'it did not succeed', ...(data === undefined ? [] : [JSON.stringify(data)])].join('\n'), isError: true };
  const told = content ?? (data === undefined ? 'OK' : typeof data === 'string' ? data : JSON.stringify(data));
  return { content: told, ...(data === undefined ? {} : { structured: data }), isError: false };
}

/** The result of a tool as a plugin's. */
export function asPluginResult({ content, structured, isError }: ToolResult): PluginResult {
  if (isError) return { success: false, error: content, ...(structured === undefined ? {} : { data: structured }) };
  return { success: true, data: structured ?? content, content };
}
