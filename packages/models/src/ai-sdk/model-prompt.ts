import type { JsonObject } from '@cortex-runtime/core';
import type { LanguageModelV3CallOptions, LanguageModelV3FunctionTool, LanguageModelV3Message, LanguageModelV3ToolCallPart, SharedV3ProviderOptions } from '@ai-sdk/provider';

import type { ModelMessage, ModelTool, ModelToolCall } from '../model-provider.ts';

/** The conversation as the AI SDK's providers take it. */
export function modelPrompt(messages: readonly ModelMessage[]): LanguageModelV3CallOptions['prompt'] {
  return messages.map(promptMessage);
}

function promptMessage(message: ModelMessage): LanguageModelV3Message {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user':
      return { role: 'user', content: [{ type: 'text', text: message.content }] };
    case 'assistant':
      return { role: 'assistant', content: [...(message.content === '' ? [] : [{ type: 'text' as const, text: message.content }]), ...(message.toolCalls ?? []).map(toolCallPart)] };
    case 'tool':
      return {
        role: 'tool',
        content: [{
          type: 'tool-result',
          toolCallId: message.toolCallId,
          toolName: message.toolName,
          output: message.isError === true ? { type: 'error-text', value: message.content } : { type: 'text', value: message.content },
        }],
      };
  }
}

function toolCallPart(call: ModelToolCall): LanguageModelV3ToolCallPart {
  return {
    type: 'tool-call',
    toolCallId: call.id,
    toolName: call.name,
    input: call.arguments,
    ...(call.providerMetadata === undefined ? {} : { providerOptions: call.providerMetadata as SharedV3ProviderOptions }),
  };
}

export function modelTools(tools: readonly ModelTool[]): LanguageModelV3FunctionTool[] {
  return tools.map(({ name, description, inputSchema }) => ({ type: 'function', name, description, inputSchema: inputSchema as LanguageModelV3FunctionTool['inputSchema'] }));
}

/** The arguments of a call, or what is wrong with them. A call without any is a call with `{}`. */
export function readToolArguments(input: string): { ok: true; value: JsonObject } | { ok: false; problem: string } {
  if (input.trim() === '') return { ok: true, value: {} };
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch (error) {
    return { ok: false, problem: `the arguments are not valid JSON: ${(error as Error).message}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { ok: false, problem: 'the arguments must be a JSON object' };
  return { ok: true, value: value as JsonObject };
}
