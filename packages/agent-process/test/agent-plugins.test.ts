import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { systemRandom } from '@cortex-runtime/core/node';
import { createPluginRegistry } from '@cortex-runtime/plugins';
import { describe, expect, it } from 'vitest';

import { shiftedClock } from './support/crash.ts';
import { memoryJournal } from './support/journals.ts';
import { answer, isDone, life, pays, shop, withShop } from './support/shop.ts';
import { callsTool, testConfig, testRuntime } from './support/test-runtime.ts';

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
