import { describe, expect, it } from 'vitest';

import type { JsonObject } from '@cortex-runtime/core';

import { PluginConfig } from '../src/config/index.ts';
import { functionTool, toolSource, toolSourcePlugin, type PluginView } from '../src/index.ts';
import { codeOf, rig, shopPlugin } from './registry-rig.ts';
import { callContext, toolOf } from './servers.ts';

const pen = { item: 'pen', cents: 1 };

async function shopWithView(view: PluginView) {
  const made = rig();
  const shop = shopPlugin({}, { actions: [{ name: 'pay', description: 'Pays.', timeoutMs: 1_000 }] });
  await made.registry.register(shop);
  const source = made.registry.toolSource('shop', view);
  return { ...made, shop, source, names: async () => (await source.tools()).map(({ name }) => name) };
}

describe('what one agent gets of a plugin', () => {
  it('is every action, with the tiers of the plugin, unless its view says more', async () => {
    expect(await (await shopWithView({})).names()).toEqual(['shop__look', 'shop__order', 'shop__refund', 'shop__pay']);
  });

  it('is only what the view allows, also when another action is called by its name', async () => {
    const { source, names, registry } = await shopWithView({ allow: ['look'] });
    expect(await names()).toEqual(['shop__look']);
    await expect(toolOf(source, 'shop__order')).rejects.toThrow('no tool');
    expect(await codeOf(registry.execute('shop', 'order', pen))).toBe('no error'); // the view is of one agent
  });

  it('comes on the terms of the view, which leave other agents alone', async () => {
    const { source, registry, shop } = await shopWithView({ actions: { order: { tier: 'confirm' }, refund: { tier: 'auto', onUnknown: 'retry' }, pay: { timeoutMs: 5_000 } } });
    const order = await toolOf(source, 'shop__order');
    expect(await codeOf(order.execute(pen, callContext()))).toBe('PLUGIN_APPROVAL_PENDING');
    const refund = await toolOf(source, 'shop__refund');
    expect([refund.onUnknown, await refund.execute(pen, callContext()).then(({ isError }) => isError)]).toEqual(['retry', false]);
    expect((await toolOf(source, 'shop__pay')).timeoutMs).toBe(5_000 + 30_000 + 3_000);
    expect(shop.done.filter((line) => line.startsWith('order'))).toEqual([]);

    const others = registry.toolSource('shop');
    expect(await codeOf((await toolOf(others, 'shop__order')).execute(pen, callContext()))).toBe('no error');
    expect(await codeOf((await toolOf(others, 'shop__refund')).execute(pen, callContext()))).toBe('PLUGIN_APPROVAL_PENDING');
  });

  it('takes "*" for every other action, but opens to agents what is for operators by its name only', async () => {
    const wild = await shopWithView({ actions: { '*': { tier: 'confirm' }, look: { tier: 'auto' } } });
    expect(await wild.names()).not.toContain('shop__close_shop');
    expect(await codeOf((await toolOf(wild.source, 'shop__order')).execute(pen, callContext()))).toBe('PLUGIN_APPROVAL_PENDING');
    expect(await codeOf((await toolOf(wild.source, 'shop__look')).execute({}, callContext()))).toBe('no error');
    const named = await shopWithView({ actions: { close_shop: { tier: 'confirm' } } });
    expect(await named.names()).toContain('shop__close_shop');
    const { registry } = rig({ actions: { 'shop.*': { tier: 'auto' } } });
    await registry.register(shopPlugin());
    expect(await codeOf(registry.execute('shop', 'close_shop'))).toBe('PLUGIN_OPERATOR_REQUIRED');
  });

  it.each<[string, PluginView]>([['allow', { allow: ['look', 'ordr'] }], ['terms', { actions: { ordr: { tier: 'confirm' } } }]])('is nothing while its %s name an action that is not there', async (_, view) => {
    const { source } = await shopWithView(view);
    await expect(source.tools()).rejects.toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE', message: expect.stringContaining('did you mean order?') as unknown });
  });

  it('asks for approvals that count as long as the view says', async () => {
    const { source, registry, clock } = await shopWithView({ actions: { '*': { approvalTtlMs: 5_000 } } });
    await codeOf((await toolOf(source, 'shop__refund')).execute(pen, callContext()));
    const [request] = await registry.approvals('pending');
    expect((request?.expiresAt ?? 0) - clock.now()).toBe(5_000);
  });
});

describe('an MCP server whose tiers name a tool that it does not have', () => {
  it('offers nothing, instead of letting the tool through that was meant', async () => {
    const note = functionTool({ name: 'own__refund', description: '', input: { type: 'object' }, execute: () => 'done' });
    const { registry } = rig();
    await registry.register(toolSourcePlugin(toolSource('own', [note]), { tiers: { refnd: 'confirm' } }));
    await expect(registry.toolSource('own').tools()).rejects.toThrow('own.refnd: there is no such action; did you mean refund?');
  });
});

describe('one plugin, registered several times', () => {
  const remembering = (seen: JsonObject[]) => shopPlugin({}, { setup: (_, { settings }) => void seen.push(settings) });

  it('has settings of its own each time, and tools of the same names', async () => {
    const { registry } = rig({ settings: { shop: { city: 'Bonn' } } });
    const seen: JsonObject[] = [];
    expect((await registry.register(remembering(seen))).id).toBe('shop');
    expect(await registry.register(remembering(seen), { as: 'shop@2', settings: { city: 'Köln' } })).toMatchObject({ id: 'shop@2', name: 'shop' });
    for (const id of ['shop', 'shop@2']) expect((await registry.toolSource(id).tools()).map(({ name }) => name)).toContain('shop__look');
    expect(seen).toEqual([{ city: 'Bonn' }, { city: 'Köln' }]);
    expect(await codeOf(registry.register(remembering(seen), { as: 'shop@2' }))).toBe('PLUGIN_EXISTS');
    await registry.unload('shop@2');
    expect(registry.list().map(({ id }) => id)).toEqual(['shop']);
  });

  it('has to be several objects: one can not be set up twice', async () => {
    const { registry } = rig();
    const shop = shopPlugin();
    await registry.register(shop);
    await expect(registry.register(shop, { as: 'again' })).rejects.toThrow('export a class or a function');
    await registry.unload('shop');
    expect(await codeOf(registry.register(shop))).toBe('no error');
  });
});

describe('settings with references', () => {
  it('are resolved at each setup, and what is secret of them does not come out again', async () => {
    const environment: Record<string, string> = { SHOP_CITY: 'Bonn am Rhein' };
    const { registry, clock, journal } = rig({ setupRetryBaseMs: 1 }, { environment });
    const seen: JsonObject[] = [];
    const shop = shopPlugin({ order: () => ({ success: true, data: seen.at(-1) }) }, { setup: (_, { settings }) => void seen.push(settings) });
    await registry.register(shop, { settings: { city: '${SHOP_CITY}', nested: [{ api_key: 'k-${SHOP_KEY}' }], port: 7 } });
    await expect(registry.execute('shop', 'order', pen)).rejects.toThrow('plugins.shop.settings.nested[0].api_key: the environment variable SHOP_KEY is not set');
    environment['SHOP_KEY'] = 'canary-12345';
    const call = registry.execute('shop', 'order', pen);
    await clock.advance(1);
    expect(await call).toEqual({ success: true, data: { city: 'Bonn am Rhein', nested: [{ api_key: 'k-[secret]' }], port: 7 } });
    expect(seen).toEqual([{ city: 'Bonn am Rhein', nested: [{ api_key: 'k-canary-12345' }], port: 7 }]);
    expect(JSON.stringify(await journal.read('plugins'))).not.toContain('canary');
  });
});

describe('the configuration of a plugin in a manifest', () => {
  it('names one place at most', () => {
    expect(PluginConfig.safeParse({ package: 'a', path: './a' }).success).toBe(false);
    expect(PluginConfig.parse({})).toEqual({ settings: {}, actions: {} });
  });
});
