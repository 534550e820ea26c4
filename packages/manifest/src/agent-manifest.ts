import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryEmbeddingOptions, memoryProviderNames } from './context-config.ts';
import { ProcessConfig } from './process-config.ts';

/** Long-term memory, in the short form at the top of a manifest; the same settings are `context.memory_*`. */
export const ManifestMemory = z.strictObject({
  provider: z.enum(memoryProviderNames).default('in_memory').describe('Which memory: in_memory, file, postgres, or embedding, which finds by meaning.'),
  collection: z.string().min(1).max(200).optional().describe("agent_memory is the agent's own; any other is shared by the agents that name it."),
  persistDirectory: z.string().min(1).optional().describe('Directory of file and embedding memories.'),
  userId: z.string().min(1).max(200).optional().describe('Whose memories they are.'),
  embeddingModel: z.string().min(1).optional().describe('Embedding model of an embedding memory: provider:model.'),
  embeddingOptions: MemoryEmbeddingOptions.optional().describe('How the embedding model is called.'),
  autoStore: z.boolean().optional().describe('Store every exchange.'),
  max: z.int().min(1).optional().describe('Memories put into a run.'),
  minScore: z.number().min(0).max(1).optional().describe('Least relevance of a memory.'),
  timeoutMs: duration('s', { name: 'timeout', check: (schema) => schema.positive() }).optional().describe('A memory search is given up after this time.'),
});
export type ManifestMemory = z.input<typeof ManifestMemory>;

const settings = ProcessConfig.shape;

/** The settings of a process that may also stand at the top of a manifest; all others stand under `config`. */
export const rootSettings = [
  'description', 'model', 'modelOptions', 'instructions', 'identity', 'servers', 'plugins', 'mesh', 'triggers', 'journal', 'context', 'executionMode', 'openMode', 'secrets', 'budget', 'health',
  'mission', 'inbox', 'breaker', 'approval', 'triggerDelivery',
] as const satisfies readonly (keyof typeof settings)[];

/** The root of an `.agent` file. */
export const AgentManifestSchema = z.strictObject({
  version: z.literal('1.0').default('1.0').describe('Version of the manifest format.'),
  name: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/, 'must begin with a letter and hold at most 64 letters, digits, _ and -')
    .describe('Unique name of the process.'),
  description: settings.description,
  model: settings.model.describe('Which model answers: provider:model, or scripted:FILE for an offline script.'),
  modelOptions: settings.modelOptions,
  instructions: settings.instructions.describe('System prompt: who the agent is and what it does when it wakes.'),
  identity: settings.identity,
  servers: settings.servers,
  plugins: settings.plugins,
  mesh: settings.mesh,
  triggers: settings.triggers,
  world: z.record(z.string(), z.unknown()).optional().describe('State at the first start; the same as context.initial_state.'),
  memory: ManifestMemory.optional().describe('Long-term memory.'),
  journal: settings.journal.describe('What of this agent survives a crash.'),
  context: settings.context.describe('What the agent knows besides its instructions.'),
  executionMode: settings.executionMode.describe('strict: the agent can not modify itself; open: within open_mode it can.'),
  openMode: settings.openMode,
  secrets: settings.secrets.describe('Secrets the agent may use.'),
  budget: settings.budget.describe('Limits on what the agent may do by itself.'),
  health: settings.health.describe('When behaviour counts as an anomaly.'),
  mission: settings.mission.describe('What the agent is for and when it is done.'),
  inbox: settings.inbox.describe('How people talk to the running agent.'),
  breaker: settings.breaker.describe('Stops chains of wakes that feed themselves.'),
  approval: settings.approval,
  triggerDelivery: settings.triggerDelivery.describe('How often failed events are tried again.'),
  config: ProcessConfig.optional().describe('Any other setting of the process. A setting stands either here or at the top, not in both places.'),
  entrypoint: z.string().min(1).optional().describe('Accepted for compatibility.'),
});

/** What a manifest says, in camelCase and without the defaults of what it leaves out. */
export type AgentManifest = z.input<typeof AgentManifestSchema>;
