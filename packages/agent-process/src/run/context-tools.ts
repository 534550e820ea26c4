import { describeError, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import type { Tool } from '@cortex-runtime/plugins';

import type { AgentContext } from '../context/agent-context.ts';

/**
 * The tools through which an agent writes its own state; every agent has them. A write of the same value twice is the same state, so an unknown outcome is retried.
 */
export function contextTools(context: AgentContext): Tool[] {
  const keys = context.writableKeys.length === 0 ? 'any key' : `one of ${context.writableKeys.join(', ')}`;
  return [
    {
      name: 'context_put',
      description: `Remember a value in your own state; it is shown to you at the start of every run. Key: ${keys}.`,
      inputSchema: {
        type: 'object',
        properties: { key: { type: 'string', description: 'Name of the value.' }, value: { description: 'Any JSON value.' } },
        required: ['key', 'value'],
        additionalProperties: false,
      },
      onUnknown: 'retry',
      isReadOnly: false,
      async execute(args) {
        const { key, value } = args as JsonObject & { key: string; value: JsonValue };
        try {
          await context.put(key, value, { source: 'agent' });
          return { content: `stored ${key}`, isError: false };
        } catch (error) {
          return { content: describeError(error), isError: true };
        }
      },
    },
    {
      name: 'context_get',
      description: 'Read a value from your own state, with its newest writes.',
      inputSchema: { type: 'object', properties: { key: { type: 'string' } }, required: ['key'], additionalProperties: false },
      onUnknown: 'retry',
      isReadOnly: true,
      async execute(args) {
        const { key } = args as JsonObject & { key: string };
        const value = context.get(key);
        if (value === undefined) return { content: `there is no ${key}; there is ${context.stateKeys().join(', ') || 'nothing'}`, isError: false };
        return { content: JSON.stringify({ key, value, history: context.stateHistory(key).slice(-5) }), structured: value, isError: false };
      },
    },
  ];
}
