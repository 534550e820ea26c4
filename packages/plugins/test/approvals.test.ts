import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ApprovalRequest, PluginRegistryOptions } from '../src/index.ts';
import { codeOf, rig, settle, shopPlugin } from './registry-rig.ts';

const pen = { item: 'pen', cents: 100 };
const day = 24 * 60 * 60_000;

async function shopRig(options: PluginRegistryOptions = {}) {
  const made = rig(options);
  const shop = shopPlugin();
  await made.registry.register(shop);
  const refunds = () => shop.done.filter((line) => line.startsWith('refund'));
  const refund = (params: object = pen, more: object = {}) => made.registry.execute('shop', 'refund', params, { whenPending: 'refuse', ...more });
  const pending = async () => (await made.registry.approvals('pending'))[0] as ApprovalRequest;
  return { ...made, shop, refunds, refund, pending };
}

// Weakness 26 (E23): tiers that nobody enforced, and S10: approvals bound to the exact call.
describe('an action of the CONFIRM tier', () => {
  it('waits for an approval, and then runs once', async () => {
    const { registry, refunds, pending } = await shopRig();
    const call = registry.execute('shop', 'refund', pen, { requestedBy: 'clerk' });
    await settle();
    expect(refunds()).toEqual([]);
    const request = await pending();
    expect(request).toMatchObject({ plugin: 'shop', action: 'refund', description: 'Pays back.', params: pen, requestedBy: 'clerk', status: 'pending' });
    expect(await registry.approve(request.id, { by: 'ada', reason: 'fine' })).toMatchObject({ status: 'approved', decidedBy: 'ada', reason: 'fine' });
    expect(await call).toMatchObject({ success: true });
    expect(refunds()).toHaveLength(1);
    expect(await registry.approvals()).toMatchObject([{ status: 'used' }]);
  });

  it('tells a caller that does not wait what it waits for, and sets nothing up', async () => {
    const { refund, shop, pending } = await shopRig();
    await expect(refund()).rejects.toMatchObject({ code: 'PLUGIN_APPROVAL_PENDING', retryable: true, plugin: 'shop', action: 'refund' });
    await expect(refund()).rejects.toMatchObject({ approvalId: (await pending()).id });
    expect(shop.done).toEqual([]);
  });

  it('goes through once for one approval: a second equal call needs its own', async () => {
    const { registry, refund, refunds, pending } = await shopRig();
    await codeOf(refund());
    await registry.approve((await pending()).id, { by: 'ada' });
    await refund();
    expect(await codeOf(refund())).toBe('PLUGIN_APPROVAL_PENDING');
    expect(refunds()).toHaveLength(1);
  });

  it('lets one of two equal calls that wait for the same approval through', async () => {
    const { registry, refunds, pending } = await shopRig();
    const calls = [1, 2].map(() => registry.execute('shop', 'refund', pen));
    await settle();
    await registry.approve((await pending()).id, { by: 'ada' });
    await Promise.race(calls);
    await settle();
    expect(refunds()).toHaveLength(1);
    await registry.approve((await pending()).id, { by: 'ada' });
    await Promise.all(calls);
    expect(refunds()).toHaveLength(2);
  });

  it('does not go through with other parameters, for somebody else, in another version or as a changed action', async () => {
    const { registry, refund, pending, journal } = await shopRig();
    await codeOf(refund(pen, { requestedBy: 'clerk' }));
    await registry.approve((await pending()).id, { by: 'ada' });
    expect(await codeOf(refund({ ...pen, cents: 101 }, { requestedBy: 'clerk' }))).toBe('PLUGIN_APPROVAL_PENDING');
    expect(await codeOf(refund(pen, { requestedBy: 'intern' }))).toBe('PLUGIN_APPROVAL_PENDING');
    for (const changed of [shopPlugin({}, { version: '1.0.1' }), shopPlugin({}, { listActions: () => [{ name: 'refund', description: 'Pays back twice.', tier: 'confirm' }] })]) {
      const { registry: other } = rig({}, { journal });
      await other.register(changed);
      expect(await codeOf(other.execute('shop', 'refund', pen, { requestedBy: 'clerk', whenPending: 'refuse' }))).toBe('PLUGIN_APPROVAL_PENDING');
      expect(changed.done).toEqual([]);
    }
    expect(await codeOf(refund({ cents: 100, item: 'pen' }, { requestedBy: 'clerk' }))).toBe('no error');
  });

  it('runs with what was approved, whatever the caller does to its object meanwhile', async () => {
    const { registry, refunds, pending } = await shopRig();
    const params = { ...pen };
    const call = registry.execute('shop', 'refund', params);
    await settle();
    params.cents = 1_000_000;
    await registry.approve((await pending()).id, { by: 'ada' });
    await call;
    expect(refunds()).toEqual(['refund {"cents":100,"item":"pen"}']);
  });

  it('is not done when denied, and does not ask again until the request would have expired', async () => {
    const { registry, refund, refunds, pending, clock } = await shopRig();
    const call = codeOf(registry.execute('shop', 'refund', pen));
    await settle();
    await registry.deny((await pending()).id, { by: 'ada', reason: 'too much' });
    expect(await call).toBe('PLUGIN_ACTION_DENIED');
    await expect(refund()).rejects.toThrow('ada denied it: too much');
    expect(await registry.approvals('pending')).toEqual([]);
    clock.jump(day + 1);
    expect(await codeOf(refund())).toBe('PLUGIN_APPROVAL_PENDING');
    expect(refunds()).toEqual([]);
  });

  it('expires: while it waits, before an answer, and between the answer and the call', async () => {
    const { registry, refund, refunds, pending, clock } = await shopRig({ approvalTtlMs: 60_000 });
    const call = codeOf(registry.execute('shop', 'refund', pen));
    await settle();
    const first = await pending();
    await clock.advance(60_001);
    expect(await call).toBe('PLUGIN_APPROVAL_EXPIRED');
    expect(await codeOf(registry.approve(first.id, { by: 'ada' }))).toBe('APPROVAL_CLOSED');

    await codeOf(refund());
    const second = await pending();
    await registry.approve(second.id, { by: 'ada' });
    clock.jump(60_001);
    expect(await registry.approvals('expired')).toHaveLength(2);
    expect(await codeOf(refund())).toBe('PLUGIN_APPROVAL_PENDING');
    expect((await pending()).id).not.toBe(second.id);
    expect(refunds()).toEqual([]);
  });

  it('tells those who watch when it has expired, and stays so when the clock is set back', async () => {
    const { registry, refund, pending, clock, journal, restart } = await shopRig({ approvalTtlMs: 60_000 });
    const seen: string[] = [];
    registry.watchApprovals(({ status }) => seen.push(status));
    await codeOf(refund());
    const { id } = await pending();
    await clock.advance(60_000);
    await settle();
    expect(seen).toEqual(['pending', 'expired']);
    expect((await journal.read('plugins')).map(({ entryType }) => entryType)).toEqual(['plugin_approval_requested', 'plugin_approval_expired']);
    clock.jump(-3_600_000);
    expect(await codeOf(registry.approve(id, { by: 'ada' }))).toBe('APPROVAL_CLOSED');
    expect((await restart().approval(id)).status).toBe('expired');
  });

  it('is found to have expired after a restart, and by a clock that was set forward', async () => {
    const { refund, pending, clock, restart } = await shopRig({ approvalTtlMs: 3_600_000 });
    await codeOf(refund());
    const { id } = await pending();
    clock.jump(3_600_001);
    const second = restart();
    const seen: string[] = [];
    second.watchApprovals((approval) => seen.push(`${approval.id} ${approval.status}`));
    await second.approvals();
    await clock.advance(1);
    await settle();
    expect(seen).toEqual([`${id} expired`]);
  });

  it('is decided once, by somebody with a name', async () => {
    const { registry, refund, pending } = await shopRig();
    await codeOf(refund());
    const { id } = await pending();
    await expect(registry.approve(id, { by: ' ' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const answers = await Promise.all([codeOf(registry.deny(id, { by: 'ada' })), codeOf(registry.approve(id, { by: 'bob' }))]);
    expect(answers).toEqual(['no error', 'APPROVAL_CLOSED']);
    expect(await codeOf(refund())).toBe('PLUGIN_ACTION_DENIED');
    expect(await codeOf(registry.approve('nobody', { by: 'ada' }))).toBe('APPROVAL_NOT_FOUND');
    expect(await codeOf(registry.approve('__proto__', { by: 'ada' }))).toBe('APPROVAL_NOT_FOUND');
  });

  it('can be answered after a restart, and the same call then goes through without asking again', async () => {
    const { registry, refund, pending, restart } = await shopRig();
    await codeOf(refund(pen, { requestedBy: 'clerk' }));
    const { id } = await pending();
    await registry.close();
    const second = restart();
    await second.approve(id, { by: 'ada' });
    const third = restart();
    const shop = shopPlugin();
    await third.register(shop);
    expect(await third.execute('shop', 'refund', pen, { requestedBy: 'clerk', whenPending: 'refuse' })).toMatchObject({ success: true });
    expect(shop.done).toEqual(['setup', 'refund {"cents":100,"item":"pen"}']);
    expect(await codeOf(restart().approve(id, { by: 'ada' }))).toBe('APPROVAL_CLOSED');
  });

  it('answers the call that waited for it, also with a no or with nothing', async () => {
    const { registry, refund, refunds, pending, clock } = await shopRig({ approvalTtlMs: 60_000 });
    const waited = async (params: object = pen) => {
      await codeOf(refund(params));
      return (await pending()).id;
    };
    const expired = await waited();
    await clock.advance(60_000);
    await settle();
    await expect(refund(pen, { approvalId: expired })).rejects.toMatchObject({ code: 'PLUGIN_APPROVAL_EXPIRED', approvalId: expired, message: expect.stringContaining('nobody answered') as unknown });
    const approved = await waited();
    await registry.approve(approved, { by: 'ada' });
    // Other parameters are another call, whatever it waited for.
    expect(await codeOf(refund({ ...pen, cents: 7 }, { approvalId: approved }))).toBe('PLUGIN_APPROVAL_PENDING');
    expect(await codeOf(refund(pen, { approvalId: approved, requestedBy: 'intern' }))).toBe('PLUGIN_APPROVAL_PENDING');
    expect(refunds()).toEqual([]);
    expect(await codeOf(refund(pen, { approvalId: approved }))).toBe('no error');
    expect(await codeOf(refund(pen, { approvalId: approved }))).toBe('PLUGIN_APPROVAL_PENDING');
    expect(refunds()).toHaveLength(1);
  });

  it('given for one version of a plugin is asked for again by the next, while a no holds', async () => {
    const { registry, refund, pending, restart } = await shopRig();
    for (const [answer, expected] of [['approve', 'PLUGIN_APPROVAL_PENDING'], ['deny', 'PLUGIN_ACTION_DENIED']] as const) {
      await codeOf(refund({ ...pen, item: answer }));
      const { id } = await pending();
      await registry[answer](id, { by: 'ada' });
      const next = restart();
      await next.register(shopPlugin({}, { version: '2.0.0' }));
      expect(await codeOf(next.execute('shop', 'refund', { ...pen, item: answer }, { approvalId: id, whenPending: 'refuse' }))).toBe(expected);
    }
  });

  it('keeps the approval when the call was refused by a limit or never sent', async () => {
    const { registry, refund, refunds, pending, clock } = await shopRig({ actions: { 'shop.refund': { rateLimit: { calls: 1, perMs: 1_000 } } } });
    for (const expected of ['no error', 'PLUGIN_RATE_LIMIT']) {
      await codeOf(refund());
      await registry.approve((await pending()).id, { by: 'ada' });
      expect(await codeOf(refund())).toBe(expected);
    }
    await clock.advance(1_001);
    expect(await codeOf(refund())).toBe('no error');
    expect(refunds()).toHaveLength(2);
  });

  it('stops waiting with the signal of the caller, while the request stays', async () => {
    const { registry, pending } = await shopRig();
    const caller = new AbortController();
    const call = registry.execute('shop', 'refund', pen, { signal: caller.signal });
    await settle();
    caller.abort(new Error('gone home'));
    await expect(call).rejects.toThrow('gone home');
    expect((await pending()).status).toBe('pending');
  });

  it('tells those who watch of each request and each answer', async () => {
    const { registry, refund, pending } = await shopRig();
    const seen: string[] = [];
    const stop = registry.watchApprovals(({ status }) => seen.push(status));
    await codeOf(refund());
    await registry.approve((await pending()).id, { by: 'ada' });
    await refund();
    stop();
    await codeOf(refund());
    expect(seen).toEqual(['pending', 'approved', 'used']);
  });

  it('never runs more often than it was approved, whatever the order of calls, answers and restarts', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('call' as const), cents: fc.integer({ min: 1, max: 2 }) }),
      fc.record({ do: fc.constantFrom('approve' as const, 'deny' as const), pick: fc.nat(3) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(30_000, 60_001) }),
      fc.record({ do: fc.constant('restart' as const) }),
    );
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { registry: first, restart, clock, journal } = rig({ approvalTtlMs: 60_000 });
      const shop = shopPlugin();
      let registry = first;
      await registry.register(shop);
      const approved: Record<number, number> = { 1: 0, 2: 0 };
      const ran: Record<number, number> = { 1: 0, 2: 0 };
      for (const each of steps) {
        if (each.do === 'call') {
          const outcome = await codeOf(registry.execute('shop', 'refund', { item: 'pen', cents: each.cents }, { whenPending: 'refuse' }));
          if (outcome === 'no error') ran[each.cents] = (ran[each.cents] ?? 0) + 1;
          else expect(['PLUGIN_APPROVAL_PENDING', 'PLUGIN_ACTION_DENIED']).toContain(outcome);
        } else if (each.do === 'wait') clock.jump(each.ms);
        else if (each.do === 'restart') {
          registry = restart();
          await registry.register(shop);
        } else {
          const waiting = await registry.approvals('pending');
          const chosen = waiting[each.pick % Math.max(1, waiting.length)];
          if (chosen === undefined) continue;
          const cents = Number(chosen.params['cents']);
          if (each.do === 'approve') approved[cents] = (approved[cents] ?? 0) + 1;
          await registry[each.do](chosen.id, { by: 'ada' });
        }
        for (const cents of [1, 2]) expect(ran[cents]).toBeLessThanOrEqual(approved[cents] ?? 0);
      }
      // What a new registry reads is what the old one knew.
      expect(await restart().approvals()).toEqual(await registry.approvals());
      await journal.close();
    }), { numRuns: 60 });
  });
});
