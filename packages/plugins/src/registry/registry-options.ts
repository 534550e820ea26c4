import type { JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { ActionTier } from '../action-tier.ts';

/** What the operator of a host decides about actions; it wins over what the plugin says. */
export const ActionPolicy = z.strictObject({
  tier: z.enum(ActionTier).optional(),
  onUnknown: z.enum(['retry', 'ask']).optional(),
  timeoutMs: z.number().positive().optional(),
  concurrency: z.int().min(1).optional(),
  rateLimit: z.strictObject({ calls: z.int().min(1), perMs: z.number().positive() }).optional(),
  approvalTtlMs: z.number().positive().optional(),
});
export type ActionPolicy = z.input<typeof ActionPolicy>;

const PluginSettings: z.ZodType<JsonObject, JsonObject> = z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject, JsonObject>;

/** How plugins are run. Durations are milliseconds. */
export const PluginRegistryOptions = z.strictObject({
  /** The process of the journal under which calls and approvals are recorded; one registry at a time may use it. */
  processId: z.string().min(1).default('plugins'),
  /** A call is given up after this time. */
  timeoutMs: z.number().positive().default(60_000),
  /** A call waits no longer than this for others of the same action. */
  queueTimeoutMs: z.number().positive().default(30_000),
  /** Calls of one action at the same time. */
  concurrency: z.int().min(1).default(8),
  /** Calls of one action that wait for others; more are refused. */
  maxQueued: z.int().min(0).default(100),
  setupTimeoutMs: z.number().positive().default(30_000),
  /** Wait before the second attempt of a setup that failed; it doubles. */
  setupRetryBaseMs: z.number().positive().default(500),
  setupRetryMaxMs: z.number().positive().default(30_000),
  healthTimeoutMs: z.number().positive().default(5_000),
  /** Unloading waits this long for calls under way, and then as long for the teardown. */
  teardownTimeoutMs: z.number().positive().default(10_000),
  /** A request for approval counts for this time, and so does the approval. */
  approvalTtlMs: z.number().positive().default(24 * 60 * 60_000),
  /** By `<plugin>.<action>` or `<plugin>.*`. */
  actions: z.record(z.string(), ActionPolicy).default({}),
  /** By plugin: handed to its `setup` as it is. */
  settings: z.record(z.string(), PluginSettings).default({}),
});
export type PluginRegistryOptions = z.input<typeof PluginRegistryOptions>;
export type PluginRegistrySettings = z.output<typeof PluginRegistryOptions>;
