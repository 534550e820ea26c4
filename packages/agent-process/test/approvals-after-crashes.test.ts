import type { Journal } from '@cortex-runtime/journal';
import { describe, expect, it, onTestFinished } from 'vitest';

import { ofType, violations } from './support/crash.ts';
import { fileJournal } from './support/journals.ts';
import { isDone, isParked, life, shop, withShop } from './support/shop.ts';
import { eventually, temporaryDirectory } from './support/test-runtime.ts';

describe('a tool call that needs an approval, when hosts crash,', () => {
  it('waits over crashes, and goes on with an answer that was given three lives later', async () => {
    const done: string[] = [];
    const directory = await temporaryDirectory();
    const first = await life(await fileJournal(directory), { plugin: shop(done) });
    const process = await first.start();
    await process.inject({ payload: { euros: 5 }, eventId: 'the-order' });
    await isParked(process);
    const { id } = await first.pending();
    first.die();
    for (let crash = 0; crash < 2; crash += 1) {
      const between = await life(await fileJournal(directory), { plugin: shop(done) });
      const parked = await between.start();
      await isParked(parked);
      expect(await between.registry.approvals('pending')).toMatchObject([{ id }]);
      between.die();
    }
    const last = await life(await fileJournal(directory), { plugin: shop(done) });
    const again = await last.start();
    await isParked(again);
    await last.registry.approve(id, { by: 'ada' });
    await isDone(again);
    expect(done).toEqual(['pay 5']);
    expect(ofType(await again.readJournal(), 'llm_call')).toHaveLength(2);
    expect(await violations(again)).toEqual([]);
  });

  it('goes on after a crash between the answer and what it was for', async () => {
    const done: string[] = [];
    const directory = await temporaryDirectory();
    const first = await life(await fileJournal(directory), { plugin: shop(done) });
    const process = await first.start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    const { id } = await first.pending();
    first.die();
    await first.registry.approve(id, { by: 'ada' });
    const second = await life(await fileJournal(directory), { plugin: shop(done) });
    const again = await second.start();
    await isDone(again);
    expect(done).toEqual(['pay 5']);
    expect(await second.registry.approval(id)).toMatchObject({ status: 'used', decidedBy: 'ada' });
  });

  it('that was interrupted after it began asks a person, not for another approval, and is not repeated', async () => {
    const done: string[] = [];
    const directory = await temporaryDirectory();
    const first = await life(await fileJournal(directory), { plugin: shop(done, () => new Promise(() => undefined)) });
    const process = await first.start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    await first.registry.approve((await first.pending()).id, { by: 'ada' });
    await eventually(() => done.length === 1);
    first.die();

    const second = await life(await fileJournal(directory), { plugin: shop(done) });
    const again = await second.start();
    await isParked(again);
    expect(again.status()).toMatchObject({ waiting_effects: 1, waiting_approvals: 0, state_reason: 'the outcome of a call is unknown' });
    expect(await second.registry.approvals('pending')).toEqual([]);
    const [effect] = await again.waitingEffects();
    await again.resolveEffect(effect?.effect_id ?? '', 'retry');
    await isDone(again);
    expect(done).toEqual(['pay 5', 'pay 5']);
    expect(await violations(again)).toEqual([]);
  });

  it('ends with the outcome that the registry recorded, when only the run was interrupted', async () => {
    const done: string[] = [];
    const directory = await temporaryDirectory();
    const journal = await fileJournal(directory);
    // The run's own record of the outcome never reaches the disk.
    let release: () => void = () => undefined;
    const never = new Promise<void>((resolve) => (release = resolve));
    const deaf: Journal = Object.assign(Object.create(journal) as Journal, Object.fromEntries((['heads', 'head', 'append', 'read', 'scan', 'checkpoint', 'lastCheckpoint', 'close'] as const).map((name) => [name, (journal[name] as (...given: unknown[]) => unknown).bind(journal)])), {
      write: (entries: Parameters<Journal['write']>[0]) => (entries.some(({ entryType }) => entryType === 'tool_result') ? { entries: [], durable: never } : journal.write(entries)),
    });
    const first = await life(deaf, { plugin: shop(done) });
    onTestFinished(() => release());
    const process = await first.start();
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    await first.registry.approve((await first.pending()).id, { by: 'ada' });
    await eventually(async () => (await journal.read('plugins', { entryType: 'plugin_action_ended' })).length === 1);
    first.die();
    const second = await life(await fileJournal(directory), { plugin: shop(done) });
    const again = await second.start();
    await isDone(again);
    expect(done).toEqual(['pay 5']);
    expect(ofType(await again.readJournal(), 'tool_result')[0]?.data).toMatchObject({ served_by: 'probe', content: '{"paid":5}' });
  });

  it('waits at level checkpoint too, starts from its beginning, and uses the approval once', async () => {
    const done: string[] = [];
    const directory = await temporaryDirectory();
    const config = withShop({ journal: { level: 'checkpoint' } });
    const first = await life(await fileJournal(directory), { plugin: shop(done) });
    const process = await first.start(config);
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    first.die();
    const second = await life(await fileJournal(directory), { plugin: shop(done) });
    const again = await second.start(config);
    await isParked(again);
    await second.registry.approve((await second.pending()).id, { by: 'ada' });
    await isDone(again);
    expect(done).toEqual(['pay 5']);
    expect((await second.registry.approvals()).map(({ status }) => status)).toEqual(['used']);
  });

  it('is not made a second time at level checkpoint either, when a crash left its outcome unknown', async () => {
    const done: string[] = [];
    const directory = await temporaryDirectory();
    const config = withShop({ journal: { level: 'checkpoint' } });
    const first = await life(await fileJournal(directory), { plugin: shop(done, () => new Promise(() => undefined)) });
    const process = await first.start(config);
    await process.inject({ payload: { euros: 5 } });
    await isParked(process);
    await first.registry.approve((await first.pending()).id, { by: 'ada' });
    await eventually(() => done.length === 1);
    first.die();
    const second = await life(await fileJournal(directory), { plugin: shop(done) });
    const again = await second.start(config);
    await eventually(() => again.status().dead_letter_count === 1);
    expect((await again.deadLetters())[0]?.error).toMatch(/it is not known whether shop\.pay happened/);
    expect(done).toEqual(['pay 5']);
  });
});
