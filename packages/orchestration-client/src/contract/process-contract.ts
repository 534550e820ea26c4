import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** The eight states of a process. */
export const ProcessStateName = z.enum(['created', 'starting', 'running', 'suspended', 'awaiting', 'stopping', 'stopped', 'failed']);
export type ProcessStateName = z.output<typeof ProcessStateName>;

/** Everything a host says about one process: `GET /processes/{name}`. Keys that a newer host adds are kept as they came. */
export const ProcessStatus = z.looseObject({
  name: z.string(),
  processId: z.string(),
  state: ProcessStateName,
  executionMode: z.string().default('strict'),
  /** `provider:model`. */
  model: z.string().optional(),
  /** False for `scripted:`, which answers from a file. */
  isLanguageModel: z.boolean().optional(),
  invocationCount: z.int().default(0),
  consecutiveFailures: z.int().default(0),
  restartCount: z.int().default(0),
  journalEnabled: z.boolean().default(true),
  triggerCount: z.int().default(0),
  dynamicTriggerCount: z.int().default(0),
  customToolCount: z.int().default(0),
  rebuildCount: z.int().default(0),
  spawnedProcessCount: z.int().default(0),
  conversationMessages: z.int().default(0),
  hasMemory: z.boolean().default(false),
  /** Accepted events that wait for a run. */
  queueSize: z.int().default(0),
  deadLetterCount: z.int().default(0),
  filteredCount: z.int().default(0),
  pendingRetries: z.int().default(0),
  uptimeMs: duration('s', { name: 'uptime_seconds' }).default(0),
  runningRuns: z.int().default(0),
  /** Effects whose outcome is unknown and that a person has to settle. */
  waitingEffects: z.int().default(0),
  /** Calls that wait for a person's approval. */
  waitingApprovals: z.int().default(0),
  /** Its state has left memory until the next event. */
  hibernated: z.boolean().default(false),
  warnings: z.array(z.string()).default([]),
});
export type ProcessStatus = z.output<typeof ProcessStatus>;

/** `GET /processes`. */
export const ProcessList = z.looseObject({
  processes: z.array(z.looseObject({ name: z.string(), state: ProcessStateName, processId: z.string() })),
  total: z.int(),
});
export type ProcessList = z.output<typeof ProcessList>;

/** `POST /processes/{name}/start`, `stop`, `restart`, `suspend`, `resume`. */
export const ControlReply = z.looseObject({ name: z.string(), state: ProcessStateName });
export type ControlReply = z.output<typeof ControlReply>;

/** `GET /processes/{name}/triggers`: the configuration of each, secrets as their references or masked. */
export const TriggerList = z.looseObject({
  name: z.string(),
  triggers: z.array(z.looseObject({ id: z.string(), type: z.string(), source: z.string(), config: z.record(z.string(), z.unknown()).default({}) })),
  count: z.int(),
});
export type TriggerList = z.output<typeof TriggerList>;
