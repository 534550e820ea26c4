import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { z } from 'zod';

import { InMemoryMemoryStore } from '../in-memory-memory-store.ts';
import { nodeRootedFolder } from '../node/index.ts';
import { FileProposalStore } from './file-proposal-store.ts';
import { InMemoryProposalStore } from './in-memory-proposal-store.ts';
import type { MemoryPolicy } from './memory-policy.ts';
import type { MemoryProposal, ProposalStore } from './memory-proposal.ts';
import { MemoryProposals } from './memory-proposals.ts';

const clock = systemClock;
const createId = idGenerator({ clock, random: systemRandom });
const moon: MemoryProposal = { category: 'facts', name: 'moon', mode: 'create', content: 'The moon is round.' };

async function fileStore(): Promise<ProposalStore> {
  const root = await mkdtemp(join(tmpdir(), 'cortex-proposals-'));
  onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  return new FileProposalStore({ folder: await nodeRootedFolder(root) });
}

describe.each([
  ['InMemoryProposalStore', async () => new InMemoryProposalStore() as ProposalStore],
  ['FileProposalStore', fileStore],
])('MemoryProposals over %s', (_, openProposals) => {
  const open = async (policy: z.input<typeof MemoryPolicy> = {}) => {
    const [store, proposals] = [new InMemoryMemoryStore({ clock }), await openProposals()];
    const box = new MemoryProposals({ store, proposals, clock, createId }, policy);
    const propose = async (proposal: Partial<MemoryProposal> = {}, provenance = { agent: 'forge', runId: 'run-1', source: 'chat' }) => {
      const outcome = await box.propose({ ...moon, ...proposal }, provenance);
      if (!outcome.ok) throw new Error(outcome.reason);
      return outcome.record;
    };
    return { store, proposals, box, propose };
  };

  it('keeps a proposal waiting until a person accepts it, and says for good where it came from', async () => {
    const { store, box, propose } = await open();
    const { proposalId, status } = await propose();
    expect([status, await store.exists('facts', 'moon')]).toEqual(['pending', false]);
    expect((await box.pending()).map((each) => each.proposalId)).toEqual([proposalId]);
    expect(await box.accept(proposalId, { by: 'ann' })).toMatchObject({ status: 'accepted', writtenVersion: 1, decidedBy: 'ann' });
    expect(await store.read('facts', 'moon')).toMatchObject({ content: moon.content, provenance: { agent: 'forge', runId: 'run-1', source: 'chat', proposalId, acceptedBy: 'ann' } });
    expect(await box.pending()).toEqual([]);
  });

  it('accepts by itself only what the policy names', async () => {
    const { store, propose } = await open({ autoAccept: [{ categories: ['facts'], agents: ['forge'], modes: ['create'] }] });
    expect(await propose()).toMatchObject({ status: 'accepted', decidedBy: 'policy' });
    expect((await propose({ mode: 'update' })).status).toBe('pending');
    expect((await propose({ category: 'people', name: 'anna' })).status).toBe('pending');
    expect((await propose({ name: 'sun' }, { agent: 'other', runId: 'r', source: 'web' })).status).toBe('pending');
    expect((await store.read('facts', 'moon')).provenance.acceptedBy).toBe('policy');
  });

  it('writes nothing of what is rejected, and neither decision can be turned around', async () => {
    const { store, box, propose } = await open();
    const [no, yes] = [await propose(), await propose({ name: 'sun' })];
    await box.reject(no.proposalId, { by: 'ann', reason: 'not true' });
    await box.accept(yes.proposalId, { by: 'ann' });
    await expect(box.accept(no.proposalId, { by: 'bob' })).rejects.toThrow(/rejected already, by ann/);
    await expect(box.reject(yes.proposalId, { by: 'bob' })).rejects.toMatchObject({ code: 'MEMORY_PROPOSAL' });
    await expect(box.accept('nothing', { by: 'bob' })).rejects.toThrow(/is not there/);
    expect(await store.exists('facts', 'moon')).toBe(false);
    expect((await box.accept(yes.proposalId, { by: 'bob' })).decidedBy).toBe('ann');
  });

  it('does not write onto an entry that has changed since', async () => {
    const { store, box, propose } = await open();
    await store.write('facts', 'moon', 'one');
    const { proposalId } = await propose({ mode: 'update' });
    await store.write('facts', 'moon', 'two');
    expect(await box.accept(proposalId, { by: 'ann' })).toMatchObject({ status: 'conflict' });
    expect((await store.read('facts', 'moon')).content).toBe('two');
  });

  it('writes what was accepted before a crash once, whether or not it had been written', async () => {
    const { store, proposals, box, propose } = await open();
    const [unwritten, written] = [await propose(), await propose({ name: 'sun' })];
    for (const record of [unwritten, written]) await proposals.put({ ...record, status: 'accepted', revision: 2, decidedBy: 'ann' });
    await store.write('facts', 'sun', moon.content, { provenance: { proposalId: written.proposalId } });
    expect(await box.finishAccepted()).toBe(2);
    expect(await box.finishAccepted()).toBe(0);
    expect((await store.read('facts', 'moon')).provenance.proposalId).toBe(unwritten.proposalId);
    expect((await store.read('facts', 'sun')).version).toBe(1);
    expect((await proposals.get(written.proposalId))?.writtenVersion).toBe(1);
  });

  it('has a proposal once that is made again under its id, also when it was decided meanwhile', async () => {
    const { store, box } = await open({ maxPending: 1 });
    const propose = () => box.propose(moon, { agent: 'forge' }, { proposalId: 'p-1' });
    const first = await propose();
    expect(await propose()).toEqual(first);
    expect(await box.pending()).toHaveLength(1);
    await box.accept('p-1', { by: 'ann' });
    expect(await propose()).toMatchObject({ ok: true, record: { proposalId: 'p-1', status: 'accepted' } });
    expect((await store.read('facts', 'moon')).version).toBe(1);
    await expect(box.propose(moon, {}, { proposalId: '../x' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  // mesh-runtime section 9, row 27
  it('refuses unsafe names, unknown categories, blank and long contents, and too many, and says why', async () => {
    const { box, propose } = await open({ maxProposalBytes: 100, maxPending: 1 });
    const reasonOf = async (proposal: Partial<MemoryProposal>) => {
      const outcome = await box.propose({ ...moon, ...proposal }, { agent: 'forge' });
      return outcome.ok ? 'taken' : outcome.reason;
    };
    expect(await reasonOf({ name: '../../etc/passwd' })).toMatch(/name: must be/);
    expect(await reasonOf({ category: 'decisions' })).toMatch(/category: must be one of people/);
    expect(await reasonOf({ content: ' \n' })).toMatch(/blank/);
    expect(await reasonOf({ content: 'x'.repeat(101) })).toMatch(/101 bytes/);
    await propose();
    expect(await reasonOf({ name: 'sun' })).toMatch(/wait for review/);
  });

  it('refuses to create what exists', async () => {
    const { store, box } = await open();
    await store.write('facts', 'moon', 'one');
    expect(await box.propose(moon, {})).toMatchObject({ ok: false, reason: expect.stringMatching(/propose an update/) as string });
  });
});
