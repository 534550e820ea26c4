import { z } from 'zod';

/** Where a memory comes from. */
const Provenance = z.looseObject({
  agent: z.string().optional(),
  runId: z.string().optional(),
  source: z.string().optional(),
  proposalId: z.string().optional(),
  acceptedBy: z.string().optional(),
});

/** A memory that an agent would like to keep, and what became of it. */
export const MemoryProposalReply = z.looseObject({
  proposalId: z.string(),
  status: z.enum(['pending', 'accepted', 'rejected', 'conflict']),
  category: z.string(),
  name: z.string(),
  mode: z.enum(['create', 'update']),
  content: z.string(),
  provenance: Provenance,
  /** Version of the entry when it was proposed; 0 when there was none. It is written only onto that version. */
  basedOnVersion: z.int(),
  /** ISO 8601. */
  proposedAt: z.string(),
  decidedAt: z.string().optional(),
  decidedBy: z.string().optional(),
  reason: z.string().optional(),
  writtenVersion: z.int().optional(),
});
export type MemoryProposalReply = z.output<typeof MemoryProposalReply>;

/** `GET /memory/proposals`: those that wait for a person, oldest first. */
export const MemoryProposalList = z.looseObject({ proposals: z.array(MemoryProposalReply), count: z.int() });
export type MemoryProposalList = z.output<typeof MemoryProposalList>;

/** `POST /memory/proposals/{id}/accept`. */
export const AcceptProposalRequest = z.strictObject({
  /** Who says so; kept with the memory. */
  by: z.string().min(1).max(200).optional(),
});
export type AcceptProposalRequest = z.input<typeof AcceptProposalRequest>;

/** `POST /memory/proposals/{id}/reject`. */
export const RejectProposalRequest = z.strictObject({
  by: z.string().min(1).max(200).optional(),
  reason: z.string().min(1).max(1_000).optional(),
});
export type RejectProposalRequest = z.input<typeof RejectProposalRequest>;

/** `GET /memory/{category}/{name}`: an entry at its newest version. */
export const MemoryEntryReply = z.looseObject({
  category: z.string(),
  name: z.string(),
  content: z.string(),
  version: z.int(),
  createdAt: z.string(),
  updatedAt: z.string(),
  provenance: Provenance,
});
export type MemoryEntryReply = z.output<typeof MemoryEntryReply>;

/** `GET /memory/{category}`: what there is, without the contents. */
export const MemoryEntryList = z.looseObject({
  category: z.string(),
  entries: z.array(MemoryEntryReply.omit({ content: true })),
  count: z.int(),
});
export type MemoryEntryList = z.output<typeof MemoryEntryList>;
