import { CortexError } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { operatorTokens, PluginRateLimitError, ToolOutcomeUnknownError, type PluginValidationError } from '../src/index.ts';
import { codeOf, gate, rig, settle, shopPlugin } from './registry-rig.ts';

class NothingSentError extends CortexError {
  readonly code = 'SHOP_NOTHING_SENT';
  override readonly retryable = true;
}

// Weakness 26 (E23): tiers and validation that could be switched off or walked around.
describe('what stands before an action', () => {
  it('validates parameters before any code of the plugin runs, and tells the path of each problem', async () => {
    const { registry } = rig();
    const shop = shopPlugin();
    await registry.register(shop);
    const error = await registry.execute('shop', 'order', { item: 7, cent: 3 }).catch((thrown: unknown) => thrown as PluginValidationError);
    expect(error).toMatchObject({ code: 'PLUGIN_VALIDATION', plugin: 'shop', action: 'order', retryable: false });
    expect((error as PluginValidationError).issues).toEqual(expect.arrayContaining([
      { path: 'item', problem: expect.stringContaining('must be string') as unknown },
      { path: 'cents', problem: 'is missing' },
      { path: 'cent', problem: expect.stringContaining('did you mean cents') as unknown },
    ]));
    expect(shop.done).toEqual([]);
  });

  it('refuses parameters that JSON would alter', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin());
    for (const odd of [{ item: new Date(0) }, { item: Number.NaN }, { item: () => 1 }, null, [], 'text']) expect(await codeOf(registry.execute('shop', 'look', odd))).toBe('PLUGIN_VALIDATION');
  });

  it('checks required parameters that are named beside the schema, or without one', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin({}, { actions: [{ name: 'wrap', description: '', requiredParameters: ['paper'] }] }));
    await expect(registry.execute('shop', 'wrap')).rejects.toMatchObject({ issues: [{ path: 'paper', problem: 'is missing' }] });
    expect(await registry.execute('shop', 'wrap', { paper: 'red' })).toMatchObject({ success: true });
  });

  it('refuses an ADMIN action without the credential of an operator', async () => {
    const { registry } = rig({}, { operators: operatorTokens({ ada: 'ada-token-1234' }) });
    const shop = shopPlugin();
    await registry.register(shop);
    expect(await codeOf(registry.execute('shop', 'close_shop'))).toBe('PLUGIN_OPERATOR_REQUIRED');
    expect(await codeOf(registry.execute('shop', 'close_shop', {}, { operatorCredential: 'ada-token-123' }))).toBe('PLUGIN_OPERATOR_REQUIRED');
    expect(shop.done).toEqual([]);
    expect(await registry.execute('shop', 'close_shop', {}, { operatorCredential: 'ada-token-1234' })).toMatchObject({ success: true });
    expect(await codeOf(rigWithoutOperators())).toBe('PLUGIN_OPERATOR_REQUIRED');

    async function rigWithoutOperators() {
      const { registry: other } = rig();
      await other.register(shopPlugin());
      return other.execute('shop', 'close_shop', {}, { operatorCredential: 'ada-token-1234' });
    }
  });

  it('takes the operator of the host at their word: a policy makes an action CONFIRM', async () => {
    const { registry } = rig({ actions: { 'shop.*': { tier: 'confirm' }, 'shop.look': { tier: 'auto' } } });
    await registry.register(shopPlugin());
    expect(await codeOf(registry.execute('shop', 'order', { item: 'pen', cents: 1 }, { whenPending: 'refuse' }))).toBe('PLUGIN_APPROVAL_PENDING');
    expect(await codeOf(registry.execute('shop', 'look'))).toBe('no error');
  });

  it('names what is nearest to an unknown plugin or action', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin());
    await expect(registry.execute('shpo', 'look')).rejects.toThrow('did you mean shop?');
    await expect(registry.execute('shop', 'ordr')).rejects.toThrow('did you mean order?');
  });
});

// Weakness 34: no time limit, concurrency limit or rate limit anywhere.
describe('limits of an action', () => {
  it('runs no more calls at a time than allowed, and the rest in the order they came', async () => {
    const { registry } = rig({ actions: { 'shop.look': { concurrency: 2 } } });
    const gates = [gate(), gate(), gate(), gate()];
    const shop = shopPlugin({ look: async ({ item }) => {
      await gates[Number(item)]?.wait();
      return { success: true, data: item };
    } });
    await registry.register(shop);
    const calls = ['0', '1', '2', '3'].map((item) => registry.execute('shop', 'look', { item }));
    await settle();
    const begun = () => shop.done.filter((line) => line.startsWith('look')).map((line) => /\d/.exec(line)?.[0]);
    expect(begun()).toEqual(['0', '1']);
    gates[1]?.open();
    await calls[1];
    await settle();
    expect(begun()).toEqual(['0', '1', '2']);
    for (const each of gates) each.open();
    await Promise.all(calls);
    expect(begun()).toEqual(['0', '1', '2', '3']);
  });

  it('refuses when too many wait, and when waiting took too long', async () => {
    const { registry, clock } = rig({ concurrency: 1, maxQueued: 1, queueTimeoutMs: 5_000 });
    const held = gate();
    await registry.register(shopPlugin({ look: () => held.wait().then(() => ({ success: true })) }));
    const first = registry.execute('shop', 'look');
    await settle();
    const second = codeOf(registry.execute('shop', 'look'));
    await settle();
    expect(await codeOf(registry.execute('shop', 'look'))).toBe('PLUGIN_BUSY');
    await clock.advance(5_000);
    expect(await second).toBe('PLUGIN_BUSY');
    held.open();
    expect(await first).toEqual({ success: true });
    expect(await codeOf(registry.execute('shop', 'look'))).toBe('no error');
  });

  it('refuses calls above the rate with the time to wait, before anything runs', async () => {
    const { registry, clock } = rig({ actions: { 'shop.order': { rateLimit: { calls: 2, perMs: 10_000 } } } });
    const shop = shopPlugin();
    await registry.register(shop);
    const order = () => registry.execute('shop', 'order', { item: 'pen', cents: 1 });
    await order();
    await clock.advance(4_000);
    await order();
    await expect(order()).rejects.toMatchObject({ code: 'PLUGIN_RATE_LIMIT', retryable: true, retryAfterMs: 6_000 });
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(2);
    await clock.advance(6_001);
    await order();
  });

  it('holds calls off for as long as the service asks', async () => {
    const { registry, clock } = rig();
    let isStrict = true;
    await registry.register(shopPlugin({ look: () => {
      if (isStrict) throw new PluginRateLimitError('shop', 'look', 30_000);
      return { success: true };
    } }));
    expect(await codeOf(registry.execute('shop', 'look'))).toBe('PLUGIN_RATE_LIMIT');
    isStrict = false;
    await clock.advance(29_000);
    await expect(registry.execute('shop', 'look')).rejects.toMatchObject({ retryAfterMs: 1_000 });
    await clock.advance(1_001);
    expect(await registry.execute('shop', 'look')).toEqual({ success: true });
  });

  it('gives a call up after its time: to be repeated when it only reads, unknown when it changes the world', async () => {
    const { registry, clock } = rig({ timeoutMs: 2_000 });
    const aborted: string[] = [];
    const hang = (name: string) => (_: object, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => aborted.push(name));
      return new Promise(() => undefined);
    };
    await registry.register(shopPlugin({ look: hang('look'), order: hang('order') }));
    const look = codeOf(registry.execute('shop', 'look'));
    const order = codeOf(registry.execute('shop', 'order', { item: 'pen', cents: 1 }));
    await settle();
    await clock.advance(3_001);
    expect(await look).toBe('TOOL_TIMEOUT');
    expect(await order).toBe('TOOL_OUTCOME_UNKNOWN');
    expect(aborted).toEqual(['look', 'order']);
  });

  it('takes the answer of a plugin that finishes while it is being given up', async () => {
    const { registry, clock } = rig({ timeoutMs: 2_000 });
    await registry.register(shopPlugin({ order: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve({ success: true, data: 'just in time' }))) }));
    const order = registry.execute('shop', 'order', { item: 'pen', cents: 1 });
    await settle();
    await clock.advance(2_000);
    expect(await order).toEqual({ success: true, data: 'just in time' });
  });

  it('ends a call with the signal of the caller', async () => {
    const { registry, clock } = rig();
    await registry.register(shopPlugin({ look: () => new Promise(() => undefined) }));
    const caller = new AbortController();
    const look = codeOf(registry.execute('shop', 'look', {}, { signal: caller.signal }));
    await settle();
    caller.abort(new Error('the run ended'));
    await clock.advance(1_000);
    expect(await look).toBe('TOOL_ABORTED');
  });
});

describe('the record of calls', () => {
  const pen = { item: 'pen', cents: 1 };

  it('serves a repeated call from the record, also after a restart', async () => {
    const { registry, restart } = rig();
    const shop = shopPlugin();
    await registry.register(shop);
    const first = await registry.execute('shop', 'order', pen, { idempotencyKey: 'k' });
    expect(await registry.execute('shop', 'order', { cents: 1, item: 'pen' }, { idempotencyKey: 'k' })).toEqual(first);
    const again = restart();
    const shopAgain = shopPlugin();
    await again.register(shopAgain);
    expect(await again.execute('shop', 'order', pen, { idempotencyKey: 'k' })).toEqual(first);
    expect(shopAgain.done).toEqual([]);
  });

  it('runs calls with one key at the same time once', async () => {
    const { registry } = rig();
    const held = gate();
    const shop = shopPlugin({ order: () => held.wait().then(() => ({ success: true })) });
    await registry.register(shop);
    const calls = [1, 2, 3].map(() => registry.execute('shop', 'order', pen, { idempotencyKey: 'k' }));
    await settle();
    held.open();
    await Promise.all(calls);
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(1);
  });

  it('refuses a key that comes again with other parameters', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin());
    await registry.execute('shop', 'order', pen, { idempotencyKey: 'k' });
    expect(await codeOf(registry.execute('shop', 'order', { ...pen, cents: 2 }, { idempotencyKey: 'k' }))).toBe('PLUGIN_CALL_CONFLICT');
  });

  it.each([
    ['a Date', { success: true, data: { at: new Date(0) } }, 'data.at'],
    ['NaN', { success: true, data: Number.NaN }, 'data'],
    ['a function', { success: true, data: () => 1 }, 'data'],
    ['nothing', undefined, 'undefined'],
    ['no success', { data: 1 }, 'success'],
  ])('records a result with %s as executed, with an error, so that the side effect is not repeated', async (_, returned, where) => {
    // Weakness 34 (E23): a result that is not JSON was an error after the side effect, inviting a repeat.
    const { registry } = rig();
    const shop = shopPlugin({ order: () => returned });
    await registry.register(shop);
    const result = await registry.execute('shop', 'order', pen, { idempotencyKey: 'k' });
    expect(result).toMatchObject({ success: false, metadata: { executed: true, code: 'PLUGIN_RESULT_INVALID' } });
    expect(result.error).toContain('was executed');
    expect(result.error).toContain(where);
    expect(await registry.execute('shop', 'order', pen, { idempotencyKey: 'k' })).toEqual(result);
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(1);
  });

  it('does not do again what failed, and lets a call that was never sent be made again', async () => {
    const { registry } = rig();
    let thrown: Error = new NothingSentError('no route to the shop');
    const shop = shopPlugin({ order: () => {
      throw thrown;
    } });
    await registry.register(shop);
    const order = () => codeOf(registry.execute('shop', 'order', pen, { idempotencyKey: 'k' }));
    expect(await order()).toBe('SHOP_NOTHING_SENT');
    thrown = new Error('card refused');
    expect(await order()).toBe('PLUGIN_ACTION_FAILED');
    await expect(registry.execute('shop', 'order', pen, { idempotencyKey: 'k' })).rejects.toThrow(/failed before, and is not done again.*card refused/);
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(2);
  });

  it('never repeats in silence what may have happened', async () => {
    const { registry } = rig();
    const shop = shopPlugin({ order: () => {
      throw new ToolOutcomeUnknownError('shop.order', 'the connection broke');
    } });
    await registry.register(shop);
    const order = (onUnknown?: 'retry') => codeOf(registry.execute('shop', 'order', pen, { idempotencyKey: 'k', onUnknown }));
    expect(await order()).toBe('TOOL_OUTCOME_UNKNOWN');
    expect(await order()).toBe('TOOL_OUTCOME_UNKNOWN');
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(1);
    await order('retry'); // a person has found out that it did not happen
    expect(shop.done.filter((line) => line.startsWith('order'))).toHaveLength(2);
  });

  it('asks the plugin whether an unknown call happened where the plugin can tell', async () => {
    const { registry } = rig({}, {});
    const shop = shopPlugin({ ship: () => {
      throw new ToolOutcomeUnknownError('shop.ship', 'the connection broke');
    } }, {
      actions: [{ name: 'ship', description: '', onUnknown: 'probe' }],
      probeAction: async (_, __, { idempotencyKey }) => {
        if (idempotencyKey === 'who knows') throw new Error('the service does not answer');
        return idempotencyKey === 'arrived' ? { happened: true, result: { success: true, data: 'shipped' } } : { happened: false };
      },
    });
    await registry.register(shop);
    await codeOf(registry.execute('shop', 'ship', {}, { idempotencyKey: 'arrived' }));
    expect(await codeOf(registry.execute('shop', 'ship', {}, { idempotencyKey: 'arrived', onUnknown: 'ask' }))).toBe('TOOL_OUTCOME_UNKNOWN');
    expect(await registry.execute('shop', 'ship', {}, { idempotencyKey: 'arrived' })).toEqual({ success: true, data: 'shipped' });
    await codeOf(registry.execute('shop', 'ship', {}, { idempotencyKey: 'who knows' }));
    expect(await codeOf(registry.execute('shop', 'ship', {}, { idempotencyKey: 'who knows' }))).toBe('TOOL_OUTCOME_UNKNOWN');
    await codeOf(registry.execute('shop', 'ship', {}, { idempotencyKey: 'lost' }));
    await codeOf(registry.execute('shop', 'ship', {}, { idempotencyKey: 'lost' }));
    expect(shop.done.filter((line) => line.startsWith('ship'))).toHaveLength(4);
  });

  it('gives the plugin a copy, which it may change as it likes', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin({ refund: (params) => {
      (params as { item: string }).item = 'changed';
      return { success: true };
    } }));
    const params = { item: 'pen', cents: 1 };
    registry.watchApprovals(({ id, status }) => status === 'pending' && void registry.approve(id, { by: 'ada' }));
    await registry.execute('shop', 'refund', params);
    expect(params.item).toBe('pen');
    expect(await registry.approvals()).toMatchObject([{ params: { item: 'pen' } }]);
  });
});
