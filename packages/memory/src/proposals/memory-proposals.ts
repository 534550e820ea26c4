import { InvalidInputError, type Clock, type IdGenerator } from '@cortex-runtime/core';
import type { z } from 'zod';

import { MemoryProposalError, MemoryProposalNotFoundError, MemoryVersionConflictError } from '../errors.ts';
import { assertTypedEntry, type TypedMemoryCategory } from '../memory-category.ts';
import type { MemoryProvenance, MemoryStore } from '../memory-store.ts';
import { isAutoAccepted, MemoryPolicy } from './memory-policy.ts';
import { ProposalStatus, type MemoryProposal, type ProposalRecord, type ProposalStore } from './memory-proposal.ts';

export interface MemoryProposalsDeps {
  store: MemoryStore;
  proposals: ProposalStore;
  clock: Clock;
  createId: IdGenerator;
}

/** What a proposal came to: a record that waits or was written, or why it was refused. */
export type ProposalOutcome = { ok: true; record: ProposalRecord } | { ok: false; reason: string };

/**
 * Memories that agents propose. A proposal waits for a person, or is accepted at once where the policy says so; it is written only onto the version that it was
 * based on, once, with its provenance.
 *
 * pending -> accepted | rejected; accepted -> conflict, when the entry had moved on. The decision is stored before the memory is written: after a crash in between,
 * `accept` (or `finishAccepted`) writes it then, and not twice.
 */
export class MemoryProposals {
  readonly #deps: MemoryProposalsDeps;
  readonly #policy: MemoryPolicy;

  constructor(deps: MemoryProposalsDeps, policy: z.input<typeof MemoryPolicy> = {}) {
    this.#deps = deps;
    this.#policy = MemoryPolicy.parse(policy);
  }

  /**
   * Takes a proposal in. What is wrong with it is told, not thrown: a model wrote it.
   *
   * @param options.proposalId - 1 to 64 lower-case letters, digits and hyphens; made when left out. A proposal that is made again under its id is there once
   * @throws InvalidInputError when the id is none
   */
  async propose(proposal: MemoryProposal, provenance: MemoryProvenance, options: { proposalId?: string } = {}): Promise<ProposalOutcome> {
    const { proposalId = this.#deps.createId() } = options;
    if (!/^[0-9a-z-]{1,64}$/.test(proposalId)) throw new InvalidInputError('proposalId', `must be 1 to 64 lower-case letters, digits and hyphens, got ${JSON.stringify(proposalId).slice(0, 120)}`);
    const known = options.proposalId === undefined ? undefined : await this.#deps.proposals.get(proposalId);
    if (known !== undefined) return { ok: true, record: known };
    const problem = this.#problemOf(proposal);
    if (problem !== undefined) return { ok: false, reason: problem };
    const basedOnVersion = await this.#versionOf(proposal);
    if (proposal.mode === 'create' && basedOnVersion > 0) return { ok: false, reason: `${proposal.category}/${proposal.name} exists already (version ${basedOnVersion}); propose an update` };
    const isAccepted = isAutoAccepted(this.#policy, proposal, provenance);
    if (!isAccepted && (await this.#deps.proposals.list(ProposalStatus.PENDING)).length >= this.#policy.maxPending) {
      return { ok: false, reason: `${this.#policy.maxPending} proposals wait for review already` };
    }
    const record: ProposalRecord = {
      v: 1, proposalId, revision: 1, proposal, provenance, status: ProposalStatus.PENDING, basedOnVersion, proposedAt: this.#deps.clock.now(),
    };
    await this.#deps.proposals.put(record);
    return { ok: true, record: isAccepted ? await this.accept(proposalId, { by: 'policy' }) : record };
  }

  /** Proposals that wait for a person, oldest first. */
  async pending(): Promise<ProposalRecord[]> {
    return this.#deps.proposals.list(ProposalStatus.PENDING);
  }

  /**
   * Writes a proposal to memory. Accepting what is accepted already returns its record.
   *
   * @returns the record; its status is `conflict` when the entry has changed since it was proposed, and then nothing was written
   * @throws MemoryProposalNotFoundError; MemoryProposalError when it was rejected
   */
  async accept(proposalId: string, { by }: { by: string }): Promise<ProposalRecord> {
    const record = await this.#decide(proposalId, { status: ProposalStatus.ACCEPTED, decidedBy: by });
    return this.#write(record);
  }

  /** @throws MemoryProposalNotFoundError; MemoryProposalError when it was accepted */
  async reject(proposalId: string, { by, reason }: { by: string; reason?: string }): Promise<ProposalRecord> {
    return this.#decide(proposalId, { status: ProposalStatus.REJECTED, decidedBy: by, ...(reason === undefined ? {} : { reason }) });
  }

  /** Writes what was accepted and not written because the process ended; call it once after a start. @returns how many there were */
  async finishAccepted(): Promise<number> {
    const unwritten = (await this.#deps.proposals.list(ProposalStatus.ACCEPTED)).filter(({ writtenVersion }) => writtenVersion === undefined);
    for (const record of unwritten) await this.#write(record);
    return unwritten.length;
  }

  async #decide(proposalId: string, decision: Pick<ProposalRecord, 'status' | 'decidedBy'> & { reason?: string }): Promise<ProposalRecord> {
    for (;;) {
      const record = await this.#deps.proposals.get(proposalId);
      if (record === undefined) throw new MemoryProposalNotFoundError(proposalId);
      if (record.status === decision.status || (record.status === ProposalStatus.CONFLICT && decision.status === ProposalStatus.ACCEPTED)) return record;
      if (record.status !== ProposalStatus.PENDING) throw new MemoryProposalError(proposalId, `is ${record.status} already, by ${record.decidedBy ?? 'somebody'}`);
      const decided: ProposalRecord = { ...record, ...decision, revision: record.revision + 1, decidedAt: this.#deps.clock.now() };
      if (await this.#deps.proposals.put(decided)) return decided;
    }
  }

  async #write(record: ProposalRecord): Promise<ProposalRecord> {
    if (record.status !== ProposalStatus.ACCEPTED || record.writtenVersion !== undefined) return record;
    const { proposal, proposalId, decidedBy } = record;
    const category = proposal.category as TypedMemoryCategory;
    let outcome: Partial<ProposalRecord>;
    try {
      const written = await this.#deps.store.write(category, proposal.name, proposal.content, {
        expectedVersion: record.basedOnVersion,
        provenance: { ...record.provenance, proposalId, ...(decidedBy === undefined ? {} : { acceptedBy: decidedBy }) },
      });
      outcome = { writtenVersion: written.version };
    } catch (error) {
      if (!(error instanceof MemoryVersionConflictError)) throw error;
      const mine = (await this.#deps.store.versions(category, proposal.name)).find((version) => version.provenance.proposalId === proposalId);
      outcome = mine === undefined ? { status: ProposalStatus.CONFLICT, reason: error.message } : { writtenVersion: mine.version };
    }
    const next: ProposalRecord = { ...record, ...outcome, revision: record.revision + 1 };
    if (await this.#deps.proposals.put(next)) return next;
    return (await this.#deps.proposals.get(proposalId)) ?? next; // somebody else finished it at the same time
  }

  #problemOf(proposal: MemoryProposal): string | undefined {
    try {
      assertTypedEntry(proposal.category, proposal.name);
    } catch (error) {
      if (error instanceof InvalidInputError) return error.message;
      throw error;
    }
    if (proposal.content.trim() === '') return 'the content is blank';
    const bytes = Buffer.byteLength(proposal.content);
    if (bytes > this.#policy.maxProposalBytes) return `the content has ${bytes} bytes; at most ${this.#policy.maxProposalBytes} are taken`;
    return undefined;
  }

  async #versionOf({ category, name }: MemoryProposal): Promise<number> {
    const entry = category as TypedMemoryCategory;
    return (await this.#deps.store.exists(entry, name)) ? (await this.#deps.store.read(entry, name)).version : 0;
  }
}
