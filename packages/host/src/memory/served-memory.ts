import type { MemoryFile, MemoryProvenance, ProposalRecord, TypedMemoryCategory } from '@cortex-runtime/memory';
import type { ServedMemory } from '@cortex-runtime/server';

import type { HostMemory } from './open-typed-memory.ts';

/** The typed memory as the HTTP server sees it. */
export function servedMemory({ store, proposals }: Pick<HostMemory, 'store' | 'proposals'>): ServedMemory {
  return {
    proposals: async () => (await proposals.pending()).map(proposalDocument),
    accept: async (proposalId, by) => proposalDocument(await proposals.accept(proposalId, by)),
    reject: async (proposalId, options) => proposalDocument(await proposals.reject(proposalId, options)),
    list: async (category) => (await store.list(category as TypedMemoryCategory)).map(entryDocument).map(({ content: _, ...entry }) => entry),
    read: async (category, name) => entryDocument(await store.read(category as TypedMemoryCategory, name)),
  };
}

function proposalDocument(record: ProposalRecord) {
  const { proposal, provenance, decidedAt, decidedBy, reason, writtenVersion } = record;
  return {
    proposal_id: record.proposalId,
    status: record.status,
    category: proposal.category,
    name: proposal.name,
    mode: proposal.mode,
    content: proposal.content,
    provenance: provenanceDocument(provenance),
    based_on_version: record.basedOnVersion,
    proposed_at: new Date(record.proposedAt).toISOString(),
    ...(decidedAt === undefined ? {} : { decided_at: new Date(decidedAt).toISOString() }),
    ...(decidedBy === undefined ? {} : { decided_by: decidedBy }),
    ...(reason === undefined ? {} : { reason }),
    ...(writtenVersion === undefined ? {} : { written_version: writtenVersion }),
  };
}

function entryDocument({ category, name, content, version, createdAt, updatedAt, provenance }: MemoryFile) {
  return { category, name, content, version, created_at: new Date(createdAt).toISOString(), updated_at: new Date(updatedAt).toISOString(), provenance: provenanceDocument(provenance) };
}

function provenanceDocument({ agent, runId, source, proposalId, acceptedBy }: MemoryProvenance) {
  return {
    ...(agent === undefined ? {} : { agent }),
    ...(runId === undefined ? {} : { run_id: runId }),
    ...(source === undefined ? {} : { source }),
    ...(proposalId === undefined ? {} : { proposal_id: proposalId }),
    ...(acceptedBy === undefined ? {} : { accepted_by: acceptedBy }),
  };
}
