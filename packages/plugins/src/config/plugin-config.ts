import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

import { ActionTier } from '../action-tier.ts';

const positive = { check: (schema: z.ZodNumber) => schema.positive() };

/** What a manifest decides about one action of a plugin; it wins over what the plugin says. */
export const ActionTerms = z.strictObject({
  tier: z.enum(ActionTier).optional().describe('auto: without asking; confirm: a person approves each call; admin: not offered to the agent.'),
  onUnknown: z.enum(['retry', 'ask']).optional().describe('What happens to a call whose outcome is unknown after a crash.'),
  timeoutMs: duration('s', { name: 'timeout', ...positive }).optional().describe('A call is given up after this time.'),
  approvalTtlMs: duration('s', positive).optional().describe('How long a request for an approval counts, and the approval with it; a day when left out.'),
});
export type ActionTerms = z.output<typeof ActionTerms>;

/** A plugin that an agent may use, and on which terms. */
export const PluginConfig = z
  .strictObject({
    package: z.string().min(1).optional().describe('The npm package that holds it, where it is not one that the working directory depends on.'),
    path: z.string().min(1).optional().describe('Its module, or its folder with a package.json.'),
    settings: z.record(z.string(), z.unknown()).default({}).describe('Handed to the plugin when it is set up; use ${NAME} references for secrets.'),
    allow: z.array(z.string().min(1)).optional().describe('Only these actions are offered to the agent; all but those of the tier admin when left out.'),
    actions: z.record(z.string(), ActionTerms).default({}).describe('Terms by action; "*" is every other.'),
  })
  .refine((plugin) => plugin.package === undefined || plugin.path === undefined, { path: ['path'], message: 'package and path name two places; keep one of them' });
export type PluginConfig = z.output<typeof PluginConfig>;
