import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { functionTool, toolSource, toolSourcePlugin, type PluginResult } from '../src/index.ts';
import { codeOf, rig, settle, shopPlugin } from './registry-rig.ts';
import { callContext, connect, oddServer, temporaryFolder, toolOf } from './servers.ts';

const pen = { item: 'pen', cents: 1 };

describe('the actions of a plugin as tools', () => {
  it('are named <plugin>__<action>, with the schema, and what is done when the outcome is unknown', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin({}, { name: 'my-shop', actions: [{ name: 'pay', description: 'Pays.', onUnknown: 'retry', timeoutMs: 1_000 }, { name: 'count', description: '', onUnknown: 'probe' }] }));
    const tools = await registry.toolSource('my-shop').tools();
    expect(tools.map(({ name, onUnknown }) => [name, onUnknown])).toEqual([
      ['my-shop__look', 'retry'],
      ['my-shop__order', 'ask'],
      ['my-shop__refund', 'probe'], // the registry's record knows whether an approved call began
      ['my-shop__pay', 'retry'],
      ['my-shop__count', 'ask'], // this plugin has no probe
    ]);
    expect(tools[1]?.inputSchema).toMatchObject({ type: 'object', required: ['item', 'cents'] });
  });

  it('keep apart names that differ only beyond the length of a tool name', async () => {
    const { registry } = rig();
    const long = 'x'.repeat(80);
    await registry.register(shopPlugin({}, { listActions: () => [{ name: `${long}1`, description: '' }, { name: `${long}2`, description: '' }] }));
    const names = (await registry.toolSource('shop').tools()).map(({ name }) => name);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  it('answer with what the model is told', async () => {
    const { registry } = rig();
    const answers: PluginResult[] = [{ success: true }, { success: true, data: 'text' }, { success: true, data: { a: 1 } }, { success: true, data: { a: 1 }, content: 'told so' }, { success: false, error: 'no such item', data: { near: 'pen' } }];
    await registry.register(shopPlugin({ look: () => answers.shift() }));
    const look = await toolOf(registry.toolSource('shop'), 'shop__look');
    const told = [];
    for (let index = 0; index < 5; index += 1) told.push(await look.execute({}, callContext()));
    expect(told).toEqual([
      { content: 'OK', isError: false },
      { content: 'text', structured: 'text', isError: false },
      { content: '{"a":1}', structured: { a: 1 }, isError: false },
      { content: 'told so', structured: { a: 1 }, isError: false },
      { content: 'no such item\n{"near":"pen"}', isError: true },
    ]);
  });

  it('tell the model that an action happened whose result can not be used', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin({ order: () => ({ success: true, data: { at: new Date(0) } }) }));
    const result = await (await toolOf(registry.toolSource('shop'), 'shop__order')).execute(pen, callContext());
    expect(result).toMatchObject({ isError: true, content: expect.stringMatching(/was executed.*do not call it again/) as unknown });
  });

  it('leave the record of ordinary calls to the journal of the run, and validate all the same', async () => {
    const { registry, journal } = rig();
    const shop = shopPlugin();
    await registry.register(shop);
    const order = await toolOf(registry.toolSource('shop'), 'shop__order');
    await order.execute(pen, callContext());
    expect(await journal.read('plugins')).toEqual([]);
    expect(await codeOf(order.execute({}, callContext()))).toBe('PLUGIN_VALIDATION');
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(1);
  });

  it('tell a refusal, and that nobody answered, as what a person decided', async () => {
    const { registry, clock } = rig({ approvalTtlMs: 1_000 });
    const shop = shopPlugin();
    await registry.register(shop);
    const refund = await toolOf(registry.toolSource('shop'), 'shop__refund');
    await expect(refund.execute(pen, callContext())).rejects.toMatchObject({ code: 'PLUGIN_APPROVAL_PENDING' });
    const [request] = await registry.approvals('pending');
    await registry.deny(request?.id ?? '', { by: 'ada', reason: 'too much' });
    expect(await refund.execute(pen, callContext())).toEqual({ content: `shop.refund: ada denied it: too much (${request?.id}); nothing was done`, isError: true });
    const other = { ...pen, cents: 2 };
    await codeOf(refund.execute(other, callContext()));
    const [second] = await registry.approvals('pending');
    await clock.advance(1_000);
    expect(await refund.execute(other, callContext({ approvalId: second?.id ?? '' }))).toMatchObject({ isError: true, content: expect.stringContaining('nobody answered') as unknown });
    expect(shop.done).toEqual(['setup']);
  });

  it('are not offered while the plugin can not be set up', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin({}, { setup: () => Promise.reject(new Error('no key')) }));
    await expect(registry.toolSource('shop').tools()).rejects.toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE', message: expect.stringContaining('no key') as unknown });
  });

  it('stay with the plugin: closing the source unloads nothing', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin());
    await registry.toolSource('shop').close();
    expect(await registry.execute('shop', 'look')).toMatchObject({ success: true });
  });
});

describe('an MCP server in the registry', () => {
  it('has the same tools as before, and the tiers, limits and record of a plugin', async () => {
    const folder = await temporaryFolder();
    const source = connect({ command: process.execPath, args: [oddServer], env: { ODD_CALLS: join(folder, 'calls') } }, {}, {}, 'office');
    const { registry } = rig();
    await registry.register(toolSourcePlugin(source, { tiers: { 'die_idempotent': 'admin', mixed: 'confirm' } }));
    onTestFinished(() => registry.close());

    const direct = (await source.tools()).map(({ name }) => name);
    const tools = await registry.toolSource('office').tools();
    expect(tools.map(({ name }) => name)).toEqual(direct.filter((name) => name !== 'office__die_idempotent'));

    expect(await registry.execute('office', 'echo', { a: 1 })).toEqual({ success: true, data: '{"a":1}', content: '{"a":1}' });
    expect(await registry.execute('office', 'fail')).toEqual({ success: false, error: 'no such order' });
    const echo = tools.find(({ name }) => name === 'office__echo');
    expect(await echo?.execute({ a: 2 }, callContext({ idempotencyKey: 'key-7' }))).toEqual({ content: '{"a":2}', structured: '{"a":2}', isError: false });
    expect(await codeOf(registry.execute('office', 'die_idempotent'))).toBe('PLUGIN_OPERATOR_REQUIRED');

    const mixed = registry.execute('office', 'mixed', {}, { requestedBy: 'clerk' });
    await expect.poll(() => registry.approvals('pending')).toHaveLength(1);
    await registry.approve((await registry.approvals('pending'))[0]?.id ?? '', { by: 'ada' });
    expect(await mixed).toMatchObject({ success: true, data: { pictures: 1 }, content: expect.stringContaining('a picture:') as unknown });

    const calls = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as { name: string; key: string });
    expect(calls.map(({ name }) => name)).toEqual(['echo', 'fail', 'echo', 'mixed']);
    expect(calls[2]?.key).toBe('key-7');
  });

  it('that dies in a call leaves the outcome unknown, and its new tools are seen', async () => {
    const source = connect({ command: process.execPath, args: [oddServer] }, {}, {}, 'office');
    const { registry } = rig();
    await registry.register(toolSourcePlugin(source));
    onTestFinished(() => registry.close());
    expect(await codeOf(registry.execute('office', 'die', {}, { idempotencyKey: 'k' }))).toBe('TOOL_OUTCOME_UNKNOWN');
    expect(await codeOf(registry.execute('office', 'die', {}, { idempotencyKey: 'k' }))).toBe('TOOL_OUTCOME_UNKNOWN');
    await registry.execute('office', 'grow');
    await expect.poll(async () => (await registry.toolSource('office').tools()).length).toBeGreaterThan(15);
    expect(await registry.health('office')).toMatchObject({ status: 'healthy' });
  });

  it('is a source like any other: own functions can be guarded in the same way', async () => {
    const folder = await temporaryFolder();
    const note = functionTool({ name: 'note', description: 'Notes.', input: { type: 'object' }, execute: async (args) => {
      await appendFile(join(folder, 'notes'), JSON.stringify(args));
      return 'noted';
    } });
    const { registry } = rig();
    await registry.register(toolSourcePlugin(toolSource('own', [note]), { tiers: { '*': 'confirm' } }));
    const call = codeOf(registry.execute('own', 'note', { text: 'x' }));
    await expect.poll(() => registry.approvals('pending')).toHaveLength(1);
    await registry.deny((await registry.approvals('pending'))[0]?.id ?? '', { by: 'ada' });
    await settle();
    expect(await call).toBe('PLUGIN_ACTION_DENIED');
    await expect(readFile(join(folder, 'notes'))).rejects.toThrow();
  });
});
