import { toDocument } from '@cortex-runtime/core';

import {
  AcceptProposalRequest, MemoryEntryList, MemoryEntryReply, MemoryProposalList, MemoryProposalReply, RejectProposalRequest,
} from './contract/index.ts';
import type { CallOptions, ContractCall } from './contract-call.ts';

/** Calls about the typed memory of a host. */
export function memoryCalls(call: ContractCall) {
  const proposal = (proposalId: string, verb: string) => `/memory/proposals/${encodeURIComponent(proposalId)}/${verb}`;
  return {
    /** What agents propose and nobody has decided yet. */
    listMemoryProposals: async (options?: CallOptions): Promise<MemoryProposalList['proposals']> => (await call(MemoryProposalList, 'GET', '/memory/proposals', options)).proposals,
    /** The reply's status is `conflict` when the entry has changed since; then nothing was written. */
    acceptMemoryProposal: (proposalId: string, request: AcceptProposalRequest = {}, options?: CallOptions): Promise<MemoryProposalReply> =>
      call(MemoryProposalReply, 'POST', proposal(proposalId, 'accept'), { ...options, body: toDocument(AcceptProposalRequest, request) }),
    rejectMemoryProposal: (proposalId: string, request: RejectProposalRequest = {}, options?: CallOptions): Promise<MemoryProposalReply> =>
      call(MemoryProposalReply, 'POST', proposal(proposalId, 'reject'), { ...options, body: toDocument(RejectProposalRequest, request) }),
    listMemory: async (category: string, options?: CallOptions): Promise<MemoryEntryList['entries']> =>
      (await call(MemoryEntryList, 'GET', `/memory/${encodeURIComponent(category)}`, options)).entries,
    readMemory: (category: string, name: string, options?: CallOptions): Promise<MemoryEntryReply> =>
      call(MemoryEntryReply, 'GET', `/memory/${encodeURIComponent(category)}/${encodeURIComponent(name)}`, options),
  };
}
