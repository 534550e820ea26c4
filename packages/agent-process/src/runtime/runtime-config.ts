import { duration } from '@cortex-runtime/core';
import { ProcessConfig } from '@cortex-runtime/manifest';
import { z } from 'zod';

/** How nodes of a fleet find and watch each other. Accepted now; a fleet comes with a later release. */
export const DistributedConfig = z.strictObject({
  enabled: z.boolean().default(false).describe('Join a fleet.'),
  coordinatorUrl: z.url().optional().describe('URL of the coordinator.'),
  transportPort: z.int().min(1_025).max(65_535).default(9_100).describe('Port of the node transport.'),
  discoveryMethod: z.enum(['registry', 'multicast']).default('registry'),
  heartbeatIntervalMs: duration('s', { check: (schema) => schema.positive() }).default(15_000).describe('Health checks of nodes.'),
});
export type DistributedConfig = z.output<typeof DistributedConfig>;

/** Processes by name, and the settings that they share. */
export const RuntimeConfig = z.strictObject({
  processes: z.record(z.string(), ProcessConfig).default({}),
  distributed: DistributedConfig.prefault({}),
});
export type RuntimeConfig = z.output<typeof RuntimeConfig>;
