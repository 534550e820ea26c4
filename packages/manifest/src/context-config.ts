import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** What an agent knows besides its instructions: state, memory, environment, files, conversation. */
export const ContextConfig = z.strictObject({
  writableKeys: z.array(z.string()).default([]).describe('State keys the agent may write; empty is all.'),
  memoryProvider: z.enum(['in_memory', 'chroma', 'mem0']).optional().describe('Long-term memory.'),
  memoryMax: z.int().min(1).default(5).describe('Memories put into a run.'),
  memoryMinScore: z.number().min(0).max(1).default(0).describe('Least relevance of a memory.'),
  memoryTimeoutMs: duration('s', { check: (schema) => schema.positive() }).default(5_000).describe('A memory search is given up after this time.'),
  memoryAutoStore: z.boolean().default(false).describe('Store every exchange.'),
  memoryCollection: z.string().default('agent_memory'),
  memoryPersistDirectory: z.string().optional(),
  memoryUserId: z.string().default('default'),
  conversationMaxMessages: z.int().min(0).default(100).describe('Messages kept between runs; 0 is unlimited.'),
  conversationHistory: z.boolean().default(true).describe('Show the conversation to the model.'),
  fileMounts: z.record(z.string(), z.string()).default({}).describe('Logical name to path.'),
  envPrefix: z.string().default('AGENT_').describe('Environment variables with this prefix are visible to the agent.'),
  initialState: z.record(z.string(), z.unknown()).default({}).describe('State at the first start.'),
});
export type ContextConfig = z.output<typeof ContextConfig>;
