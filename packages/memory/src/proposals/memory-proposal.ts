import { z } from 'zod';

import { MemoryProvenance } from '../memory-store.ts';

/** A memory that an agent would like to keep, as it wrote it. */
export const MemoryProposal = z.strictObject({
  category: z.string(),
  name: z.string(),
  mode: z.enum(['create', 'update']).default('create'),
  content: z.string(),
});
export type MemoryProposal = z.output<typeof MemoryProposal>;

export const ProposalStatus = {
  /** A person has to look at it. */
  PENDING: 'pending',
  /** It was accepted; `writtenVersion` says as what it was written. */
  ACCEPTED: 'accepted',
  REJECTED: 'rejected',
  /** It was accepted, but the entry had changed since it was proposed. */
  CONFLICT: 'conflict',
} as const;
export type ProposalStatus = (typeof ProposalStatus)[keyof typeof ProposalStatus];

/** A proposal and what became of it. */
export const ProposalRecord = z.looseObject({
  v: z.literal(1),
  proposalId: z.string(),
  /** Grows with every change; the store's compare-and-set is by it. */
  revision: z.int().min(1),
  proposal: MemoryProposal,
  provenance: MemoryProvenance,
  status: z.enum(Object.values(ProposalStatus)),
  /** The entry's version when it was proposed; 0 when there was none. It is written only onto that version. */
  basedOnVersion: z.int().min(0),
  proposedAt: z.number(),
  decidedAt: z.number().optional(),
  decidedBy: z.string().optional(),
  reason: z.string().optional(),
  writtenVersion: z.int().optional(),
});
export type ProposalRecord = z.infer<typeof ProposalRecord>;

/** Where proposals wait. */
export interface ProposalStore {
  /** Stores a record whose `revision` is one above the stored one (1: it must not exist). False when it is not. */
  put(record: ProposalRecord): Promise<boolean>;
  get(proposalId: string): Promise<ProposalRecord | undefined>;
  /** Oldest first. */
  list(status?: ProposalStatus): Promise<ProposalRecord[]>;
}
