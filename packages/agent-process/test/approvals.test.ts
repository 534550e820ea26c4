import { describe, expect, it } from 'vitest';

import { ofType, shiftedClock, violations } from './support/crash.ts';
import { fileJournal, memoryJournal } from './support/journals.ts';
import { answer, isDone, isParked, life, shop, withShop } from './support/shop.ts';
import { eventually, temporaryDirectory } from './support/test-runtime.ts';

const day = 24 * 60 * 60_000;

describe('a run whose tool call needs an approval', () => {
  it('is parked, says so, calls no model meanwhile, and goes on by itself when the approval is given', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(memoryJournal(), { plugin: shop(done) });
    const process = await start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    expect(process.status()).toMatchObject({ state: 'awaiting', state_reason: 'a call waits for an approval', waiting_approvals: 1, waiting_effects: 0, running_runs: 0 });
    const request = await pending();
    expect(request).toMatchObject({ plugin: 'shop', action: 'pay', params: { euros: 5 }, requestedBy: 'clerk' });
    expect(done).toEqual([]);
    const before = (await process.readJournal()).length;

    await registry.approve(request.id, { by: 'ada' });
    await isDone(process);
    expect(done).toEqual(['pay 5']);
    expect(process.status()).toMatchObject({ state: 'running', waiting_approvals: 0 });
    expect(await answer(process)).toMatch(/^done: \{"paid":5\}/);
    const entries = await process.readJournal();
    expect(ofType(entries.slice(0, before), 'llm_call')).toHaveLength(1);
    expect(entries.filter(({ entryType }) => /^(tool_|effect_)/.test(entryType)).map(({ entryType }) => entryType)).toEqual(['tool_call', 'effect_deferred', 'effect_resumed', 'tool_call', 'tool_result']);
    expect(ofType(entries, 'invocation_start').map(({ data }) => data['resumed'])).toEqual([undefined, 'resolved']);
    expect(await violations(process)).toEqual([]);
  });

  it('tells the model of a no, with its reason, and does nothing', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(memoryJournal(), { plugin: shop(done) });
    const process = await start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    await registry.deny((await pending()).id, { by: 'ada', reason: 'too expensive' });
    await isDone(process);
    const [result] = ofType(await process.readJournal(), 'tool_result');
    expect(result?.data).toMatchObject({ is_error: true, content: expect.stringMatching(/^shop\.pay: ada denied it: too expensive/) as unknown });
    expect(done).toEqual([]);
    expect(await violations(process)).toEqual([]);
  });

  it('tells the model that nobody answered, when the time is over', async () => {
    const done: string[] = [];
    const clock = shiftedClock(Date.UTC(2026, 0, 1));
    const journal = memoryJournal(clock);
    const first = await life(journal, { plugin: shop(done), clock });
    const process = await first.start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    first.die();
    clock.moveTo(Date.UTC(2026, 0, 1) + day + 1);
    const { start } = await life(journal, { plugin: shop(done), clock });
    const again = await start();
    await isDone(again);
    const [result] = ofType(await again.readJournal(), 'tool_result');
    expect(result?.data).toMatchObject({ is_error: true, content: expect.stringContaining('nobody answered the request for an approval in time') as unknown });
    expect(done).toEqual([]);
  });

  it('goes on when the answer came before the run was parked', async () => {
    const done: string[] = [];
    let open: () => void = () => undefined;
    const { start, pending, registry, runtime } = await life(memoryJournal(), { plugin: shop(done), held: new Promise((resolve) => (open = resolve)) });
    const process = await start();
    await process.inject({ payload: { euros: 5 } });
    await registry.approve((await pending()).id, { by: 'ada' });
    await runtime.takeUpAnswered('clerk');
    open();
    await isDone(process);
    expect(done).toEqual(['pay 5']);
    expect(await violations(process)).toEqual([]);
  });

  it('keeps its slot: later events of an agent that works in order wait behind it', async () => {
    const { start, pending, registry } = await life(memoryJournal());
    const process = await start();
    await process.inject({ payload: { euros: 1 } });
    await isParked(process);
    await process.inject({ payload: { euros: 2 } });
    expect(process.status()).toMatchObject({ queue_size: 1, running_runs: 0 });
    await registry.approve((await pending()).id, { by: 'ada' });
    await isDone(process);
    expect(await pending()).toMatchObject({ params: { euros: 2 } });
  });

  it('asks for each of two equal calls: one approval lets one of them through', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(memoryJournal(), { plugin: shop(done) });
    const process = await start(withShop({ concurrency: 2 }));
    await Promise.all([process.inject({ payload: { euros: 5 } }), process.inject({ payload: { euros: 5 } })]);
    await eventually(() => process.status().waiting_approvals === 2);
    expect(await registry.approvals('pending')).toHaveLength(1);
    const first = await pending();
    await registry.approve(first.id, { by: 'ada' });
    await isDone(process);
    const second = await pending();
    expect(second.id).not.toBe(first.id);
    expect([done, process.status().waiting_approvals]).toEqual([['pay 5'], 1]);
    await registry.approve(second.id, { by: 'ada' });
    await isDone(process, 2);
    expect(done).toEqual(['pay 5', 'pay 5']);
    expect(await violations(process)).toEqual([]);
  });

  it('asks anew for other parameters, while what was approved goes on', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(memoryJournal(), { plugin: shop(done) });
    const process = await start(withShop({ concurrency: 2 }));
    await process.inject({ payload: { euros: 5 } });
    await process.inject({ payload: { euros: 500 } });
    await eventually(() => process.status().waiting_approvals === 2);
    const requests = await registry.approvals('pending');
    expect(requests.map(({ params }) => params['euros']).sort()).toEqual([5, 500]);
    await registry.approve(requests.find(({ params }) => params['euros'] === 5)?.id ?? '', { by: 'ada' });
    await isDone(process);
    expect(done).toEqual(['pay 5']);
    expect((await pending()).params).toEqual({ euros: 500 });
  });

  it('hibernates meanwhile, and is woken by the answer', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(await fileJournal(await temporaryDirectory()), { plugin: shop(done) });
    const process = await start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    expect(await eventually(() => process.hibernate())).toBe(true);
    expect(process.status()).toMatchObject({ state: 'awaiting', hibernated: true, waiting_approvals: 1 });
    await registry.approve((await pending()).id, { by: 'ada' });
    await isDone(process);
    expect(done).toEqual(['pay 5']);
  });

  it('rests until its calendar, and is roused by the answer', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(await fileJournal(await temporaryDirectory()), { plugin: shop(done) });
    const process = await start(withShop({ triggers: [{ type: 'cron', cron_expression: '0 0 1 6 *', misfire: 'skip' }] }));
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    await eventually(() => process.hibernate());
    await registry.approve((await pending()).id, { by: 'ada' });
    await isDone(process);
    expect(done).toEqual(['pay 5']);
  });

  it('is still called awaiting when somebody resumes the process, as long as another one waits', async () => {
    const done: string[] = [];
    const { start, pending, registry } = await life(memoryJournal(), { plugin: shop(done) });
    const process = await start(withShop({ concurrency: 2 }));
    for (const euros of [5, 6]) await process.inject({ payload: { euros } });
    await eventually(() => process.status().waiting_approvals === 2 && process.status().running_runs === 0);
    await process.resume();
    expect(process.state).toBe('awaiting');
    const { id } = await pending();
    await registry.approve(id, { by: 'ada' });
    await isDone(process);
    await eventually(() => process.state === 'awaiting');
  });
});
