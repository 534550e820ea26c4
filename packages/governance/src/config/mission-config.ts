import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

import { EscalationTarget } from './escalation-config.ts';

/** What an agent is for, how that is judged, and when it ends. */
export const MissionConfig = z.strictObject({
  enabled: z.boolean().default(false).describe('Track this mission.'),
  objective: z.string().default('').describe('What the agent is trying to achieve.'),
  successCriteria: z.string().default('').describe('How completion is judged.'),
  evalModel: z.string().optional().describe("Model of the judge; the agent's own when left out."),
  evalEvery: z.int().min(1).default(1).describe('Judge after every this many runs.'),
  confidenceThreshold: z.number().min(0).max(1).default(0.7).describe('A judgement less confident than this pauses and escalates.'),
  timeoutMs: duration('h').default(0).describe('The mission fails after this time; 0 is never.'),
  maxInvocations: z.int().min(0).default(0).describe('The mission ends after this many runs; 0 is never.'),
  autoComplete: z.boolean().default(true).describe('Act on an achieved mission.'),
  onComplete: z.enum(['stop', 'continue', 'suspend']).default('stop').describe('What the process does when the mission is achieved.'),
  escalation: EscalationTarget.optional(),
});
export type MissionConfig = z.output<typeof MissionConfig>;
