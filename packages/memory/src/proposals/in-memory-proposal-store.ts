import type { ProposalRecord, ProposalStatus, ProposalStore } from './memory-proposal.ts';

/** Proposals in this process, gone when it ends. */
export class InMemoryProposalStore implements ProposalStore {
  readonly #records = new Map<string, ProposalRecord>();

  async put(record: ProposalRecord): Promise<boolean> {
    if ((this.#records.get(record.proposalId)?.revision ?? 0) !== record.revision - 1) return false;
    this.#records.set(record.proposalId, structuredClone(record));
    return true;
  }

  async get(proposalId: string): Promise<ProposalRecord | undefined> {
    return structuredClone(this.#records.get(proposalId));
  }

  async list(status?: ProposalStatus): Promise<ProposalRecord[]> {
    return structuredClone([...this.#records.values()].filter((record) => status === undefined || record.status === status));
  }
}
