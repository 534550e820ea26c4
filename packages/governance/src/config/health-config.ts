import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

import { EscalationTarget } from './escalation-config.ts';

/** When an agent's behaviour counts as an anomaly, and what then happens. */
export const HealthConfig = z.strictObject({
  enabled: z.boolean().default(false).describe('Watch this agent.'),
  stuckThreshold: z.int().min(2).default(3).describe('The same tool with the same arguments this many times in a row is stuck.'),
  loopWindow: z.int().min(4).default(20).describe('Tool calls examined for a repeating pattern.'),
  loopMinRepeats: z.int().min(2).default(2).describe('Repeats of a pattern that make a loop.'),
  emptyThreshold: z.int().min(2).default(3).describe('Consecutive short answers that make an anomaly.'),
  emptyMaxChars: z.int().min(0).default(10).describe('An answer of at most this many characters is short.'),
  errorWindow: z.int().min(2).default(10).describe('Runs looked at for the error rate.'),
  errorRateThreshold: z.number().positive().max(1).default(0.5).describe('An error rate above this is an anomaly.'),
  onAnomaly: z.enum(['log', 'pause', 'stop', 'escalate']).default('log').describe('What happens on an anomaly.'),
  cooldownMs: duration('s').default(300_000).describe('Time before the same kind of anomaly is raised again.'),
  escalation: EscalationTarget.optional(),
});
export type HealthConfig = z.output<typeof HealthConfig>;
