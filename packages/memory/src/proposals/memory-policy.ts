import { z } from 'zod';

import { typedMemoryCategories, type TypedMemoryCategory } from '../memory-category.ts';
import type { MemoryProvenance } from '../memory-store.ts';
import type { MemoryProposal } from './memory-proposal.ts';

/** Proposals that are accepted without a person. All that is said must hold; a rule that says nothing holds for everything. */
export const AutoAcceptRule = z.strictObject({
  categories: z.array(z.enum(typedMemoryCategories as [TypedMemoryCategory, ...TypedMemoryCategory[]])).min(1).optional().describe('Only these categories.'),
  agents: z.array(z.string()).min(1).optional().describe('Only proposals of these agents.'),
  sources: z.array(z.string()).min(1).optional().describe('Only proposals that were learnt from these sources.'),
  modes: z.array(z.enum(['create', 'update'])).min(1).optional().describe('Only new entries, or only changes.'),
});
export type AutoAcceptRule = z.output<typeof AutoAcceptRule>;

/** What becomes of the memories that agents propose. */
export const MemoryPolicy = z.strictObject({
  autoAccept: z.array(AutoAcceptRule).default([]).describe('A proposal that fits one of these is accepted at once; the others wait for a person.'),
  maxProposalBytes: z.int().min(1).default(16 * 1024).describe('The longest content of a proposal, in bytes of UTF-8; longer ones are refused.'),
  maxPending: z.int().min(1).default(1_000).describe('Proposals that wait at most; further ones are refused.'),
});
export type MemoryPolicy = z.output<typeof MemoryPolicy>;

/** Whether a policy accepts a proposal by itself. */
export function isAutoAccepted(policy: MemoryPolicy, proposal: MemoryProposal, provenance: MemoryProvenance): boolean {
  const fits = (allowed: readonly string[] | undefined, value: string | undefined) => allowed === undefined || (value !== undefined && allowed.includes(value));
  return policy.autoAccept.some((rule) => fits(rule.categories, proposal.category) && fits(rule.agents, provenance.agent) && fits(rule.sources, provenance.source) && fits(rule.modes, proposal.mode));
}
