import { duration } from '@cortex-runtime/core';
import { MemoryAccess } from '@cortex-runtime/memory/config';
import { z } from 'zod';

/** Where long-term memory is kept. `chroma` and `mem0` are read and do nothing: what they were used for is `embedding`. */
export const memoryProviderNames = ['in_memory', 'file', 'postgres', 'embedding', 'chroma', 'mem0'] as const;

/** The collection that is each agent's own. */
export const ownCollection = 'agent_memory';

/** How the embedding model of a memory is called, where the environment does not say it. */
export const MemoryEmbeddingOptions = z.strictObject({
  baseUrl: z.string().min(1).optional().describe('Base URL of an OpenAI-compatible endpoint.'),
  apiKey: z.string().min(1).optional().describe('Use a ${NAME} reference.'),
  dimensions: z.int().min(1).optional().describe('Numbers of a vector, where the model lets one choose.'),
});

/** What an agent knows besides its instructions: state, memory, environment, files, conversation. */
export const ContextConfig = z.strictObject({
  writableKeys: z.array(z.string()).default([]).describe('State keys the agent may write; empty is all.'),
  memoryProvider: z.enum(memoryProviderNames).optional().describe('Long-term memory: in_memory, file, postgres, or embedding, which finds by meaning.'),
  memoryMax: z.int().min(1).default(5).describe('Memories put into a run.'),
  memoryMinScore: z.number().min(0).max(1).default(0).describe('Least relevance of a memory.'),
  memoryTimeoutMs: duration('s', { check: (schema) => schema.positive() }).default(5_000).describe('A memory search is given up after this time.'),
  memoryAutoStore: z.boolean().default(false).describe('Store every exchange.'),
  memoryCollection: z.string().min(1).max(200).default(ownCollection).describe("agent_memory is the agent's own; any other is shared by the agents that name it."),
  memoryPersistDirectory: z.string().min(1).optional().describe("Directory of file and embedding memories; the host's CORTEX_MEMORY_PATH when left out."),
  memoryUserId: z.string().min(1).max(200).default('default').describe('Whose memories they are; those of another user are not found.'),
  memoryEmbeddingModel: z.string().min(1).default('openai:text-embedding-3-small').describe('Embedding model of an embedding memory: provider:model.'),
  memoryEmbeddingOptions: MemoryEmbeddingOptions.prefault({}).describe('How the embedding model is called: base_url, api_key, dimensions.'),
  memoryAccess: MemoryAccess.prefault({}).describe('Typed memory that the agent may read, propose to and write: lists of categories.'),
  sessionMaxTokens: z.int().min(500).max(1_000_000).default(4_000).describe('Tokens of a conversation that are shown for an event that belongs to one.'),
  conversationMaxMessages: z.int().min(0).default(100).describe('Messages kept between runs; 0 is unlimited.'),
  conversationHistory: z.boolean().default(true).describe('Show the conversation to the model.'),
  fileMounts: z.record(z.string(), z.string()).default({}).describe('Logical name to path.'),
  envPrefix: z.string().default('AGENT_').describe('Environment variables with this prefix are visible to the agent.'),
  initialState: z.record(z.string(), z.unknown()).default({}).describe('State at the first start.'),
});
export type ContextConfig = z.output<typeof ContextConfig>;
