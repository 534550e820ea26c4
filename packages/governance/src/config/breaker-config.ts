import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** The causality breaker: it stops chains of wakes that feed themselves. On by default, as loops burn money overnight. */
export const BreakerConfig = z.strictObject({
  enabled: z.boolean().default(true).describe('Stop runaway chains of wakes.'),
  maxDepth: z.int().min(1).default(16).describe('Wakes in one causal chain.'),
  maxWakesPerChain: z.int().min(1).default(50).describe('Wakes that one root cause may lead to inside the window.'),
  windowMs: duration('s', { check: (schema) => schema.positive() }).default(3_600_000).describe('The window in which wakes of a chain are counted.'),
  allowSelfWake: z.boolean().default(false).describe('Let an event that the agent caused itself wake it.'),
});
export type BreakerConfig = z.output<typeof BreakerConfig>;
