import { idGenerator, silentLogger, type JsonObject } from '@cortex-runtime/core';
import { systemRandom } from '@cortex-runtime/core/node';
import type { Journal } from '@cortex-runtime/journal';
import { createPluginRegistry, type PluginRegistry, type PluginResult, type ServicePlugin, type ToolSource } from '@cortex-runtime/plugins';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { AgentProcess } from '../src/index.ts';
import { ofType, shiftedClock, violations } from './support/crash.ts';
import { fileJournal, memoryJournal } from './support/journals.ts';
import { callsTool, eventually, temporaryDirectory, testConfig, testRuntime } from './support/test-runtime.ts';

const day = 24 * 60 * 60_000;
const pays = callsTool('shop__pay', { euros: '{{payload.euros}}' });
const withShop = (more: JsonObject = {}) => testConfig({ plugins: { shop: {} }, ...more });

/** A shop whose `pay` needs an approval. `done` is the world that payments are counted in; it outlives every restart. */
function shop(done: string[], pay?: (params: JsonObject, key: string) => Promise<PluginResult>): ServicePlugin {
  const parameters = { type: 'object', properties: { euros: {} }, required: ['euros'] };
  return {
    name: 'shop',
    version: '1.0.0',
    description: 'Pays.',
    setup: () => undefined,
    teardown: () => undefined,
    listActions: () => [
      { name: 'pay', description: 'Pays.', tier: 'confirm', parameters },
      { name: 'look', description: 'Looks.', isReadOnly: true },
      { name: 'close', description: 'Closes for ever.', tier: 'admin' },
    ],
    async executeAction(action, params, { idempotencyKey }) {
      done.push(`${action} ${String(params['euros'])}`);
      return (await pay?.(params, idempotencyKey)) ?? { success: true, data: { paid: params['euros'] ?? null } };
    },
    health: () => Promise.resolve({ plugin: 'shop', status: 'healthy' }),
  };
}

interface LifeOptions {
  plugin?: ServicePlugin;
  clock?: ReturnType<typeof shiftedClock>;
  script?: JsonObject;
  /** What a tool says reaches its run only after this. */
  held?: Promise<void>;
}

/** One life of a runtime and its registry over a journal. Another over the same journal, without a stop in between, is what a crash makes of it. */
async function life(journal: Journal, { plugin = shop([]), clock = shiftedClock(Date.UTC(2026, 0, 1)), script = pays, held }: LifeOptions = {}) {
  const registry: PluginRegistry = createPluginRegistry({ clock, createId: idGenerator({ clock, random: systemRandom }), logger: silentLogger, journal }, { teardownTimeoutMs: 20 });
  await registry.register(plugin);
  let isDead = false;
  const runtime = await testRuntime({
    journal, clock, script,
    deps: {
      createPluginSource: (name, { allow, actions }) => later(registry.toolSource(name, { allow, actions }), held),
      isApprovalAnswered: async (id) => !isDead && (await registry.approval(id)).status !== 'pending',
    },
  });
  registry.watchApprovals(({ status, requestedBy }) => {
    if (status !== 'pending' && !isDead) void runtime.takeUpAnswered(requestedBy);
  });
  onTestFinished(() => registry.close());
  return {
    registry,
    runtime,
    async start(config = withShop(), name = 'clerk') {
      const process = await runtime.addProcess(name, config);
      await process.start();
      return process;
    },
    pending: () => eventually(async () => { const [request] = await registry.approvals('pending'); return request; }, 'a request for an approval'),
    /** From here on nothing reacts in this life: answers are left to the next. */
    die: () => (isDead = true),
  };
}

/** The tools of a source, whose answers and errors come no earlier than `held` resolves. */
function later(source: ToolSource, held: Promise<void> | undefined): ToolSource {
  if (held === undefined) return source;
  return { ...source, tools: async () => (await source.tools()).map((tool) => ({ ...tool, execute: (...given) => tool.execute(...given).finally(() => held) })) };
}

const isParked = (process: AgentProcess) => eventually(() => process.state === 'awaiting' && process.status().running_runs === 0, 'the run to be parked');
const isDone = (process: AgentProcess, runs = 1) => eventually(() => process.status().invocation_count === runs, 'the run to end');
const answer = async (process: AgentProcess) => ofType(await process.readJournal(), 'invocation_result').at(-1)?.data['response'];

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

describe('an agent with plugins', () => {
  it('has the tools of those that its configuration names, on its terms, and none of the ADMIN tier', async () => {
    const { start } = await life(memoryJournal(), { script: callsTool('shop__close') });
    const process = await start(withShop({ plugins: { shop: { allow: ['look'] } } }));
    await process.inject({ payload: {} });
    await isDone(process);
    expect(await answer(process)).toContain('there is no tool "shop__close"; there are context_put, context_get, shop__look');
    const other = await start(testConfig(), 'other');
    await other.inject({ payload: {} });
    await isDone(other);
    expect(await answer(other)).toContain('there are context_put, context_get\n');
  });

  it('can not start when its runtime was made without plugins', async () => {
    const runtime = await testRuntime({ journal: memoryJournal() });
    const process = await runtime.addProcess('clerk', withShop({ trigger_delivery: { max_retries: 0 } }));
    await expect(process.start()).rejects.toMatchObject({ code: 'FEATURE_NOT_AVAILABLE' });
    expect(process.state).toBe('failed');
  });

  it('is told of an approval that it would need, where nobody could wake it', async () => {
    const registry = createPluginRegistry({ clock: shiftedClock(Date.UTC(2026, 0, 1)), createId: idGenerator({ clock: shiftedClock(0), random: systemRandom }), logger: silentLogger, journal: memoryJournal() });
    await registry.register(shop([]));
    const runtime = await testRuntime({ journal: memoryJournal(), script: pays, deps: { createPluginSource: (name) => registry.toolSource(name) } });
    const process = await runtime.addProcess('clerk', withShop());
    await process.start();
    await process.inject({ payload: { euros: 5 } });
    await isDone(process);
    expect(await answer(process)).toContain("waits for a person's approval");
    await registry.close();
  });
});
