import { describe, expect, it } from 'vitest';

import { environmentCredentials, PluginHealthStatus, type CredentialBroker, type ServicePlugin } from '../src/index.ts';
import { codeOf, gate, rig, settle, shopPlugin } from './registry-rig.ts';

// Weakness 33 (E25, E26): concurrent first use, transient setup errors, two plugins of one name, failing teardown.
describe('setup of a plugin', () => {
  it('happens once, however many calls are the first', async () => {
    const { registry } = rig();
    const held = gate();
    const shop = shopPlugin({}, { setup: () => {
      shop.done.push('setup');
      return held.wait();
    } });
    await registry.register(shop);
    const calls = [1, 2, 3].map(() => registry.execute('shop', 'look'));
    const all = registry.setupAllPending();
    await settle();
    expect(registry.get('shop').state).toBe('setting_up');
    held.open();
    expect(await Promise.all(calls)).toEqual([2, 3, 4].map((n) => ({ success: true, data: { n } })));
    expect(await all).toEqual([{ plugin: 'shop', ok: true }]);
    expect(shop.done.filter((line) => line === 'setup')).toHaveLength(1);
    expect(registry.get('shop').state).toBe('ready');
  });

  it('is tried again after a transient failure, with a wait that doubles', async () => {
    const { registry, clock } = rig({ setupRetryBaseMs: 100, setupRetryMaxMs: 10_000 });
    let failures = 3;
    await registry.register(shopPlugin({}, { setup: () => {
      failures -= 1;
      if (failures >= 0) throw new Error('the service is starting');
    } }));
    await expect(registry.execute('shop', 'look')).rejects.toMatchObject({ code: 'PLUGIN_SETUP_FAILED', retryable: true });
    expect(registry.get('shop')).toMatchObject({ state: 'pending', setupError: 'the service is starting' });
    for (const waitMs of [100, 200]) {
      const again = codeOf(registry.execute('shop', 'look'));
      await settle();
      expect(clock.pending()[0]).toBe(waitMs);
      await clock.advance(waitMs);
      expect(await again).toBe('PLUGIN_SETUP_FAILED');
    }
    const last = registry.execute('shop', 'look');
    await clock.advance(400);
    expect(await last).toMatchObject({ success: true });
    expect(registry.get('shop').setupError).toBeUndefined();
  });

  it('says for each plugin how it went, and one failure hinders no other', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin({}, { name: 'a', setup: () => Promise.reject(new Error('no key')) }));
    await registry.register(shopPlugin({}, { name: 'b' }));
    expect(await registry.setupAllPending()).toEqual([{ plugin: 'a', ok: false, error: expect.stringContaining('no key') as unknown }, { plugin: 'b', ok: true }]);
    expect(await registry.execute('b', 'look')).toMatchObject({ success: true });
  });

  // Weakness 34: setup had no limit of time.
  it('is told to give up after its time, and never runs twice at a time', async () => {
    const { registry, clock } = rig({ setupTimeoutMs: 5_000 });
    let running = 0;
    let most = 0;
    await registry.register(shopPlugin({}, { setup: (_, { signal }) => new Promise((_resolve, reject) => {
      running += 1;
      most = Math.max(most, running);
      signal.addEventListener('abort', () => {
        running -= 1;
        reject(signal.reason as Error);
      });
    }) }));
    const first = codeOf(registry.execute('shop', 'look'));
    const second = codeOf(registry.execute('shop', 'look'));
    await settle();
    await clock.advance(5_000);
    expect([await first, await second]).toEqual(['PLUGIN_SETUP_FAILED', 'PLUGIN_SETUP_FAILED']);
    expect(registry.get('shop').setupError).toContain('longer than 5000 ms');
    const third = codeOf(registry.execute('shop', 'look'));
    await clock.advance(6_000);
    expect(await third).toBe('PLUGIN_SETUP_FAILED');
    expect(most).toBe(1);
  });

  it('needs no credential broker unless the plugin asks for a credential', async () => {
    const { registry } = rig();
    await registry.register(shopPlugin());
    await registry.register(shopPlugin({}, { name: 'keyed', setup: async (broker) => void (await broker.get('shop_key')) }));
    expect(await registry.execute('shop', 'look')).toMatchObject({ success: true });
    await expect(registry.execute('keyed', 'look')).rejects.toThrow(/no credential "shop_key": the plugin registry was made without a credential broker/);
  });
});

// Weakness 33 (E26)
describe('registering and unloading', () => {
  it('refuses a second plugin of a name, also while the first is being registered, and never sets it up', async () => {
    const { registry } = rig();
    const [first, second] = [shopPlugin(), shopPlugin()];
    const answers = await Promise.all([codeOf(registry.register(first)), codeOf(registry.register(second))]);
    expect(answers).toEqual(['no error', 'PLUGIN_EXISTS']);
    await registry.execute('shop', 'look');
    expect(first.done[0]).toBe('setup');
    expect(second.done).toEqual([]);
  });

  // Weakness 34 (E27): what was behind a second `__` could never be called. S5: names that are paths, or that look alike.
  it.each(['', 'two words', 'a__b', '_a', 'a_', 'x'.repeat(41), 'x'.repeat(300), '.', '..', '../a', 'a/b', 'a\\b', '.hidden', 'a.js', 'a\0b', 'a\n', 'caf\u00e9', 'cafe\u0301', '\u212aelvin'])('refuses the name %j, which no tool could have', async (name) => {
    const { registry } = rig();
    expect(await codeOf(registry.register(shopPlugin({}, { name })))).toBe('PLUGIN_INVALID');
  });

  it.each([
    [{ onUnknown: 'rety' }, /onUnknown: .*"retry"/],
    [{ parameters: { type: 'objekt' } }, /parameters\.type: .*"object"/],
    [{ requiredParameters: 'title' }, /requiredParameters: .*expected array/],
    [{ timeoutMs: '10s' }, /timeoutMs: .*expected number/],
    [{ concurrency: 0 }, /concurrency: /],
    [{ rateLimit: { calls: 5 } }, /rateLimit\.perMs: /],
    [{ isReadOnly: 'yes' }, /isReadOnly: .*expected boolean/],
  ])('refuses an action with %j, and says what is wrong with it', async (terms, message) => {
    const { registry } = rig();
    const refusal = await registry.register(shopPlugin({}, { listActions: () => [{ name: 'a', description: '', ...terms }] as never })).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'PLUGIN_INVALID', message: expect.stringMatching(/action "a" can not be used: /) as unknown });
    expect((refusal as Error).message).toMatch(message);
  });

  it('refuses a misspelt tier, an unusable schema, a missing method and two actions of one name', async () => {
    const { registry } = rig();
    const listing = (...actions: object[]) => codeOf(registry.register(shopPlugin({}, { listActions: () => actions as never })));
    expect(await listing({ name: 'a', description: '', tier: 'comfirm' })).toBe('PLUGIN_INVALID');
    expect(await listing({ name: 'a', description: '', parameters: { type: 'objekt' } })).toBe('PLUGIN_INVALID');
    expect(await listing({ name: 'a', description: '', parameters: { type: 'object', properties: { a: { type: 'no-such' } } } })).toBe('PLUGIN_INVALID');
    expect(await listing({ name: 'a', description: '' }, { name: 'a', description: '' })).toBe('PLUGIN_INVALID');
    expect(await codeOf(registry.register({ ...shopPlugin(), teardown: undefined } as unknown as ServicePlugin))).toBe('PLUGIN_INVALID');
    expect(registry.list()).toEqual([]);
  });

  it('waits for calls under way, tears down once and forgets the plugin', async () => {
    const { registry } = rig();
    const held = gate();
    const shop = shopPlugin({ look: () => held.wait().then(() => ({ success: true })) });
    await registry.register(shop);
    const call = registry.execute('shop', 'look');
    await settle();
    const unloading = Promise.all([registry.unload('shop'), registry.unload('shop')]);
    expect(await codeOf(registry.execute('shop', 'look'))).toBe('PLUGIN_UNLOADED');
    await settle();
    expect(shop.done).not.toContain('teardown');
    held.open();
    expect(await call).toEqual({ success: true });
    await unloading;
    expect(shop.done.filter((line) => line === 'teardown')).toHaveLength(1);
    expect(registry.has('shop')).toBe(false);
    await registry.register(shopPlugin());
  });

  it('forgets a plugin whose teardown fails or hangs', async () => {
    const { registry, clock, lines } = rig({ teardownTimeoutMs: 1_000 });
    await registry.register(shopPlugin({}, { name: 'fails', teardown: () => {
      throw new Error('stuck');
    } }));
    await registry.register(shopPlugin({}, { name: 'hangs', teardown: () => new Promise(() => undefined) }));
    await registry.setupAllPending();
    const closing = registry.close();
    await clock.advance(2_000);
    await closing;
    expect(registry.list()).toEqual([]);
    expect(lines.filter(({ message }) => message === 'plugin teardown failed')).toHaveLength(2);
  });

  it('gives up what does not end, and what waits for an approval', async () => {
    const { registry, clock } = rig({ teardownTimeoutMs: 1_000 });
    await registry.register(shopPlugin({ look: () => new Promise(() => undefined) }));
    const hanging = codeOf(registry.execute('shop', 'look'));
    const waiting = codeOf(registry.execute('shop', 'refund', { item: 'pen', cents: 1 }));
    await settle();
    const unloading = registry.unload('shop');
    await clock.advance(3_000);
    await unloading;
    expect([await hanging, await waiting]).toEqual(['TOOL_ABORTED', 'PLUGIN_UNLOADED']);
  });

  it('takes no plugin any more once the registry is closed', async () => {
    const { registry } = rig();
    await registry.close();
    expect(await codeOf(registry.register(shopPlugin()))).toBe('PLUGIN_UNLOADED');
    expect(registry.list()).toEqual([]);
  });

  it('does not tear down what was never set up', async () => {
    const { registry } = rig();
    const shop = shopPlugin();
    await registry.register(shop);
    await registry.unload('shop');
    expect(shop.done).toEqual([]);
  });
});

// Weakness 34: health had no limit of time either.
describe('health of a plugin', () => {
  it('is told for every plugin, and never thrown', async () => {
    const { registry, clock } = rig({ healthTimeoutMs: 1_000 });
    const health: Record<string, ServicePlugin['health']> = {
      fine: () => Promise.resolve({ plugin: 'another name', status: PluginHealthStatus.DEGRADED, details: { lag: 3 } }),
      throws: () => {
        throw new Error('boom');
      },
      hangs: () => new Promise(() => undefined),
      odd: () => Promise.resolve({} as never),
    };
    for (const [name, own] of Object.entries(health)) await registry.register(shopPlugin({}, { name, health: own }));
    await registry.register(shopPlugin({}, { name: 'broken', setup: () => Promise.reject(new Error('no key')) }));
    await registry.setupAllPending();
    const reports = registry.healthAll();
    await clock.advance(1_000);
    expect(await reports).toEqual([
      { plugin: 'fine', status: 'degraded', details: { lag: 3 } },
      { plugin: 'throws', status: 'unhealthy', error: 'boom' },
      { plugin: 'hangs', status: 'unhealthy', error: 'no answer within 1000 ms' },
      { plugin: 'odd', status: 'unhealthy', error: 'its health report has no status' },
      { plugin: 'broken', status: 'unhealthy', error: 'setup failed: no key' },
    ]);
  });
});

// S8: canary values in results, errors, health and logs, also encoded.
describe('a credential that a plugin was given', () => {
  const secret = 'canary-7f3a+/=9&b2';
  const broker: CredentialBroker = { get: (_, requester) => Promise.resolve(requester?.plugin === 'shop' ? secret : 'wrong') };

  it('does not come out again, plain or encoded, in results, errors, health reports, logs or the journal', async () => {
    const { registry, journal, lines } = rig({}, { broker });
    let mode: 'answer' | 'throw' = 'answer';
    const leak = [secret, `key=${encodeURIComponent(secret)}`, Buffer.from(`user:${secret}`).toString('base64'), Buffer.from(`u:${secret}`).toString('base64url'), JSON.stringify({ secret })];
    const shop = shopPlugin({ order: () => {
      if (mode === 'throw') throw new Error(`refused ${leak.join(' ')}`, { cause: new Error(secret) });
      return { success: true, data: { leak, [secret]: 1 }, content: leak.join(' ') };
    } }, {
      setup: async (given) => {
        const value = await given.get('shop_key');
        if (shop.done.push('setup') === 1) throw new Error(`bad key ${value}`);
      },
      health: () => Promise.resolve({ plugin: 'shop', status: 'unhealthy', error: `401 for ${secret}` }),
    });
    await registry.register(shop);
    const seen: unknown[] = [];
    const first = await registry.execute('shop', 'order', { item: 'a', cents: 1 }).catch((error: unknown) => error as Error);
    expect(String(first)).toContain('bad key [secret]');
    seen.push((first as Error).stack, registry.list());
    const { registry: working } = rig({}, { broker, journal });
    await working.register(shop);
    seen.push(await working.execute('shop', 'order', { item: 'a', cents: 1 }), await working.health('shop'));
    mode = 'throw';
    const error = await working.execute('shop', 'order', { item: 'b', cents: 1 }).catch((thrown: unknown) => thrown as Error);
    seen.push((error as Error).message, (error as Error).stack, ((error as Error).cause as Error).stack, ((error as Error).cause as Error).cause, lines);
    seen.push(await journal.read('plugins'));
    const text = seen.map((each) => (each instanceof Error ? `${each.message}${each.stack ?? ''}` : JSON.stringify(each))).join('\n');
    expect(text).toContain('[secret]');
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(2, -4)]) expect(text).not.toContain(form);
    for (const encoded of leak) expect(text).not.toContain(encoded);
  });

  it('comes from variables with a prefix of their own', async () => {
    const own = environmentCredentials({ CORTEX_CREDENTIAL_CALENDAR_API_KEY: 'k', SECRET: 's' });
    expect(await own.get('calendar_api_key')).toBe('k');
    await expect(own.get('secret')).rejects.toThrow('CORTEX_CREDENTIAL_SECRET');
  });
});
