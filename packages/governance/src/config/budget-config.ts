import { z } from 'zod';

import { EscalationTarget } from './escalation-config.ts';

/** What one call of a tool costs, in the abstract units of `max_cost_per_run` and `max_cost_per_day`, and whether it can be undone. */
export const ToolCostAnnotation = z.strictObject({
  costWeight: z.number().min(0).default(1).describe('Cost units of one call; 0 makes the tool free.'),
  irreversible: z.boolean().default(false).describe('Whether the action can not be undone.'),
});
export type ToolCostAnnotation = z.output<typeof ToolCostAnnotation>;

const limit = () => z.int().min(1).optional();

/** Limits on what an agent may do by itself. Everything left out is unlimited. */
export const BudgetConfig = z.strictObject({
  enabled: z.boolean().default(false).describe('Enforce this budget.'),
  maxToolCallsPerRun: limit().describe('Tool calls in one run.'),
  maxLlmTurnsPerRun: limit().describe('Model turns in one run.'),
  maxCostPerRun: z.number().positive().optional().describe('Cost units in one run.'),
  maxIrreversiblePerRun: z.int().min(0).optional().describe('Irreversible actions in one run; 0 forbids them.'),
  maxToolCallsPerDay: limit().describe('Tool calls in a day.'),
  maxRunsPerDay: limit().describe('Runs in a day.'),
  maxCostPerDay: z.number().positive().optional().describe('Cost units in a day.'),
  toolCosts: z.record(z.string(), ToolCostAnnotation).default({}).describe('Cost and reversibility by tool name.'),
  onExceeded: z.enum(['pause', 'stop', 'escalate']).default('pause').describe('What happens when a limit is met.'),
  escalation: EscalationTarget.optional(),
  dailyResetHourUtc: z.int().min(0).max(23).default(0).describe('The hour, in UTC, at which a new day begins.'),
  injectRemaining: z.boolean().default(true).describe('Tell the agent what is left.'),
});
export type BudgetConfig = z.output<typeof BudgetConfig>;
