import type { ServicePlugin } from '@cortex-runtime/plugins';
import { describe, expect, it, onTestFinished } from 'vitest';

import { fakeCredentialBroker, openPluginTestKit, pluginProblems } from '../src/plugin-test-kit/index.ts';

/** Keeps notes; `break_` changes one thing about it. */
function notes(break_: Partial<ServicePlugin> & { listed?: object } = {}): ServicePlugin {
  const { listed, ...overrides } = break_;
  let key: string | undefined;
  const kept: string[] = [];
  return {
    name: 'notes',
    version: '1.0.0',
    description: 'Keeps notes.',
    async setup(broker) {
      key = await broker.get('notes_key');
    },
    teardown: () => void (key = undefined),
    listActions: () => [{ name: 'add', description: 'Adds a note.', tier: 'confirm', parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }, ...listed }],
    async executeAction(action, params) {
      if (action !== 'add') return { success: false, error: `no action ${action}` };
      kept.push(String(params['text']));
      return { success: true, data: { notes: kept.length } };
    },
    health: () => Promise.resolve({ plugin: 'notes', status: key === undefined ? 'unhealthy' : 'healthy' }),
    ...overrides,
  };
}
const credentials = { notes_key: 'notes-key-1234' };
const examples = { add: { text: 'x' } };

describe('fakeCredentialBroker', () => {
  it('has what it was given, and remembers what was asked for', async () => {
    const broker = fakeCredentialBroker({ a: '1' });
    broker.set('b', '2');
    expect([await broker.get('a'), await broker.get('b')]).toEqual(['1', '2']);
    await expect(broker.get('c')).rejects.toMatchObject({ code: 'CREDENTIAL_NOT_FOUND' });
    expect(broker.asked).toEqual(['a', 'b', 'c']);
  });
});

describe('openPluginTestKit', () => {
  it('runs actions through everything that stands before them, with approvals given', async () => {
    await using kit = await openPluginTestKit(notes(), { credentials });
    expect(await kit.execute('add', { text: 'x' })).toEqual({ success: true, data: { notes: 1 } });
    expect(kit.asked).toMatchObject([{ action: 'add', params: { text: 'x' } }]);
    await expect(kit.execute('add', {})).rejects.toMatchObject({ code: 'PLUGIN_VALIDATION' });
    expect((await kit.tools()).map(({ name }) => name)).toEqual(['notes__add']);
    expect(kit.broker.asked).toEqual(['notes_key']);
  });

  it('answers approvals as the test says', async () => {
    await using kit = await openPluginTestKit(notes(), { credentials, answer: () => 'deny' });
    await expect(kit.execute('add', { text: 'x' })).rejects.toMatchObject({ code: 'PLUGIN_ACTION_DENIED' });
    const waiting = await openPluginTestKit(notes(), { credentials, answer: () => 'wait' });
    onTestFinished(() => waiting.close());
    await expect(waiting.execute('add', { text: 'x' }, { whenPending: 'refuse' })).rejects.toMatchObject({ code: 'PLUGIN_APPROVAL_PENDING' });
  });
});

describe('pluginProblems', () => {
  it('finds nothing wrong with a good plugin', async () => {
    expect(await pluginProblems(notes, { credentials, examples })).toEqual([]);
  });

  it.each<[string, Parameters<typeof notes>[0], RegExp]>([
    ['a name that no tool can have', { name: 'my notes' }, /^registering: .*letters/],
    ['an action without a description', { listed: { description: '' } }, /action add has no description/],
    ['a setup that needs no credential it asks for', { setup: async (broker) => void (await broker.get('notes_key').catch(() => '')) }, /setup after a failure: succeeds without the credential notes_key/],
    ['a health report that throws', { health: () => Promise.reject(new Error('down')) }, /health: throws \(down\)/],
    ['a health report of another plugin', { health: () => Promise.resolve({ plugin: 'other', status: 'healthy' }) }, /health: is of the plugin "other"/],
    ['success for an unknown action', { executeAction: () => Promise.resolve({ success: true }) }, /an unknown action: is not refused/],
    ['a result that is not JSON', { executeAction: (action) => Promise.resolve(action === 'add' ? { success: true, data: new Date(0) as never } : { success: false }) }, /example add: notes.add was executed, but/],
    ['a credential in an answer', { executeAction: (action) => Promise.resolve({ success: action === 'add', data: 'used notes-key-1234' }) }, /example add: shows the credential notes_key/],
    ['a teardown that fails', { teardown: () => Promise.reject(new Error('stuck')) }, /teardown: stuck/],
  ])('tells of %s', async (_, broken, problem) => {
    expect((await pluginProblems(() => notes(broken), { credentials, examples })).join('\n')).toMatch(problem);
  });

  it('tells of an example that does not fit, or is of no action', async () => {
    const problems = await pluginProblems(notes, { credentials, examples: { add: {}, remove: {} } });
    expect(problems.join('\n')).toContain('the example remove is of no action');
    expect(problems.join('\n')).toContain('text is missing');
  });
});
