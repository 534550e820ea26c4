import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { InMemoryJournal, type JournalEntry } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { ActionLedger, type ActionLedgerDeps } from './action-ledger.ts';
import { ledgerProjection } from './ledger-projection.ts';

const createId = idGenerator({ clock, random });
const call = (executionId: string, approvalId?: string) => ({ executionId, plugin: 'shop', version: '1', action: 'order', paramsHash: 'h', requestedBy: 'clerk', ...(approvalId === undefined ? {} : { approvalId }) });

async function ledger(journal = new InMemoryJournal({ clock, createId })) {
  const deps: ActionLedgerDeps = { journal, clock, createId, logger: silentLogger };
  return { journal, opened: await ActionLedger.open(deps, 'plugins'), reopen: () => ActionLedger.open(deps, 'plugins') };
}

describe('the ledger of calls', () => {
  it('reads a checkpoint and what came after it, and knows the same', async () => {
    const { journal, opened, reopen } = await ledger();
    const approval = await opened.requestApproval({ plugin: 'shop', action: 'order', description: '', params: { a: 1 }, binding: 'b', requestedBy: 'clerk', expiresAt: clock.now() + 3_600_000 });
    for (let index = 0; index < 600; index += 1) {
      await opened.begin(call(`x${index}`));
      await opened.end(`x${index}`, { success: true, data: index });
    }
    await opened.close();
    const checkpoint = await journal.lastCheckpoint('plugins');
    expect(checkpoint?.seq).toBe(1_000);
    const again = await reopen();
    expect(again.approvals()).toEqual(opened.approvals());
    for (const id of ['x0', 'x498', 'x499', 'x599']) expect(again.execution(id)).toEqual(opened.execution(id));
    await again.decide(approval.id, 'approved', { by: 'ada' });
    expect(await again.begin(call('y', approval.id))).toBe(true);
    expect(await again.begin(call('z', approval.id))).toBe(false);
  });

  it('gives an approval back when nothing was done', async () => {
    const { opened } = await ledger();
    const wanted = { plugin: 'shop', action: 'order', description: '', params: {}, binding: 'b', requestedBy: 'clerk', expiresAt: clock.now() + 3_600_000 };
    const { id } = await opened.requestApproval(wanted);
    await opened.decide(id, 'approved', { by: 'ada' });
    await opened.begin(call('x', id));
    expect(opened.approval(id).status).toBe('used');
    await opened.release('x', 'never sent');
    expect(opened.approval(id).status).toBe('approved');
    expect((await opened.requestApproval(wanted)).id).toBe(id);
  });

  it('does not keep a result that is too long, and says so', async () => {
    const { opened } = await ledger();
    await opened.begin(call('x'));
    await opened.end('x', { success: true, data: 'x'.repeat(300_000) });
    expect(opened.execution('x')?.ending).toMatchObject({ kind: 'ended', result: { success: true, metadata: { result_omitted: true } } });
  });

  it('forgets the oldest ended calls, and never one that is unknown', () => {
    let state = ledgerProjection.initial();
    const apply = (entryType: string, data: JournalEntry['data']) => {
      state = ledgerProjection.apply(state, { seq: 1, id: '', processId: 'plugins', timestamp: '2026-01-01T00:00:00.000Z', entryType, data, hash: '' });
    };
    const begin = (id: string) => apply('plugin_action_started', { execution_id: id, plugin: 'shop', action: 'order', params_hash: 'h' });
    begin('unknown');
    for (let index = 0; index < 25_000; index += 1) {
      begin(`x${index}`);
      apply('plugin_action_ended', { execution_id: `x${index}`, result: { success: true } });
    }
    expect(state.executionCount).toBe(Object.keys(state.executions).length);
    expect(state.executionCount).toBeLessThanOrEqual(10_001);
    expect(state.executions['unknown']).toBeDefined();
    expect(state.executions['x24999']).toBeDefined();
    expect(state.executions['x20001']).toBeDefined();
    expect(state.executions['x0']).toBeUndefined();
  });
});
