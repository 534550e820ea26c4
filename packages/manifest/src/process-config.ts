import { MeshAccess } from '@cortex-runtime/bus/config';
import { duration } from '@cortex-runtime/core';
import { BreakerConfig, BudgetConfig, HealthConfig, MissionConfig, SecretScopeConfig } from '@cortex-runtime/governance/config';
import { InboxConfig } from '@cortex-runtime/inbox/config';
import { JournalConfig } from '@cortex-runtime/journal/config';
import { PluginConfig, pluginNamePattern, pluginNameRule } from '@cortex-runtime/plugins/config';
import { TriggerConfig } from '@cortex-runtime/triggers/config';
import { z } from 'zod';

import { ContextConfig } from './context-config.ts';
import { OpenModeConfig } from './open-mode-config.ts';
import { ServerConfig } from './server-config.ts';

/** Whether an agent may change itself. */
export const ExecutionMode = {
  /** The agent can not modify itself. */
  STRICT: 'strict',
  /** The agent can adapt its identity, memory, tools and triggers within `open_mode`. */
  OPEN: 'open',
} as const;
export type ExecutionMode = (typeof ExecutionMode)[keyof typeof ExecutionMode];

/** How events that could not be handled are tried again, and how their payload is shown to the model. */
export const TriggerDeliveryConfig = z.strictObject({
  maxRetries: z.int().min(0).max(10).default(3).describe('Times an event whose run failed is tried again.'),
  retryBackoffMs: duration('s', { check: (schema) => schema.positive() }).default(2_000).describe('Wait before the first retry; it doubles.'),
  retryBackoffMaxMs: duration('s', { check: (schema) => schema.positive() }).default(60_000).describe('The longest wait between retries.'),
  deadLetterSize: z.int().min(0).default(100).describe('Dead letters listed in full; older ones stay in the journal.'),
  scanPayloads: z.boolean().default(false).describe('Scan payloads for prompt injection before a run.'),
  maxPayloadChars: z.int().min(200).default(20_000).describe('Characters of a payload that are shown to the model.'),
  maxPending: z.int().min(1).default(10_000).describe('Accepted events that may wait; beyond it new ones are refused with 503.'),
});
export type TriggerDeliveryConfig = z.output<typeof TriggerDeliveryConfig>;

const modelOptions = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  maxOutputTokens: z.int().min(1).optional(),
  baseUrl: z.string().min(1).optional().describe('Base URL of an OpenAI-compatible endpoint.'),
  apiKey: z.string().min(1).optional().describe('Use a ${NAME} reference.'),
  timeoutMs: duration('s', { name: 'timeout', check: (schema) => schema.positive() }).default(120_000).describe('A model call is given up after this time.'),
  maxRetries: z.int().min(0).max(10).default(2).describe('Times a failed model call is tried again.'),
});

/** The complete configuration of one agent process. */
export const ProcessConfig = z.strictObject({
  description: z.string().max(2_000).optional().describe('What the agent is for, in a sentence: shown to whoever looks at the mesh (cortex agents), not to its model.'),
  model: z.string().min(1).default('openai:gpt-5-mini').describe('provider:model.'),
  modelOptions: modelOptions.prefault({}).describe('How the model is called.'),
  instructions: z.string().optional().describe('System prompt.'),
  executionMode: z.enum(ExecutionMode).default('strict'),
  openMode: OpenModeConfig.prefault({}).describe('Limits of open mode; ignored in strict mode.'),
  servers: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be letters, digits, _ or -'), ServerConfig).default({}).describe('MCP servers by name.'),
  plugins: z.record(z.string().regex(pluginNamePattern, `must be ${pluginNameRule}`), PluginConfig).default({}).describe('Plugins that the agent may use, by name.'),
  mesh: MeshAccess.prefault({}).describe('Whom the agent may ask, and what it may publish and emit.'),
  triggers: z.array(TriggerConfig).default([]).describe('What wakes the agent.'),
  journal: JournalConfig.prefault({}),
  context: ContextConfig.prefault({}),
  concurrency: z.int().min(1).max(100).default(1).describe('Runs at the same time.'),
  heartbeatIntervalMs: duration('s', { check: (schema) => schema.positive() }).default(10_000).describe('Period of the checks for idleness and lifetime.'),
  idleTimeoutMs: duration('s').default(0).describe('Suspend after this time without work; the next event wakes the agent. 0 is never.'),
  maxLifetimeMs: duration('s').default(0).describe('Stop, or with restart_policy always recycle, after this time; 0 is never.'),
  maxConsecutiveFailures: z.int().min(1).default(3).describe('Failed runs in a row that fail the process.'),
  restartPolicy: z.enum(['always', 'on_failure', 'never']).default('never').describe('Whether a failed process is started again.'),
  maxRestarts: z.int().min(0).default(3).describe('Restarts without a successful run in between.'),
  restartBackoffMs: duration('s', { check: (schema) => schema.positive() }).default(1_000).describe('Wait before the first restart; it doubles up to a minute.'),
  maxInvocationTimeMs: duration('s').default(0).describe('A run is cut off after this time; 0 is never.'),
  maxTurns: z.int().min(1).max(1_000).default(50).describe('Model turns in one run.'),
  toolTimeoutMs: duration('s', { check: (schema) => schema.positive() }).default(60_000).describe('A tool call is given up after this time.'),
  maxToolResultChars: z.int().min(100).default(50_000).describe('Characters of a tool result that are kept.'),
  stopGraceMs: duration('s').default(30_000).describe('How long stop waits for running runs.'),
  triggerDelivery: TriggerDeliveryConfig.prefault({}),
  secrets: SecretScopeConfig.prefault({}),
  budget: BudgetConfig.prefault({}),
  health: HealthConfig.prefault({}),
  mission: MissionConfig.prefault({}),
  inbox: InboxConfig.prefault({}),
  breaker: BreakerConfig.prefault({}),
  approval: z.record(z.string(), z.unknown()).optional().describe('Approval policy.'),
  identity: z.record(z.string(), z.unknown()).optional().describe('Who the agent is.'),
  guardrails: z.unknown().optional(),
  observe: z.unknown().optional(),
  cache: z.unknown().optional(),
  optimizeTools: z.unknown().optional(),
  adaptive: z.unknown().optional(),
});
export type ProcessConfig = z.output<typeof ProcessConfig>;
