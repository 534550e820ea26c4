import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { InMemoryJournal } from '@cortex-runtime/journal';
import { createOrchestrationClient } from '@cortex-runtime/orchestration-client';
import { createPluginRegistry, operatorTokens, type ServicePlugin } from '@cortex-runtime/plugins';
import { describe, expect, it, onTestFinished } from 'vitest';

import { serve, token } from './serve.ts';

const pays = (paid: unknown[]): ServicePlugin => ({
  name: 'shop',
  version: '1.0.0',
  description: 'Pays.',
  setup: () => undefined,
  teardown: () => undefined,
  listActions: () => [{ name: 'pay', description: 'Pays somebody.', tier: 'confirm' }, { name: 'close', description: 'Closes for ever.', tier: 'admin', parameters: { type: 'object', properties: { day: { type: 'string' } }, required: ['day'] } }],
  executeAction: (_action, params) => {
    paid.push(params);
    return Promise.resolve({ success: true });
  },
  health: () => Promise.resolve({ plugin: 'shop', status: 'healthy' }),
});

/** A server over a real registry, and a client of it. `ask` makes a call that waits for an approval. */
async function office() {
  const createId = idGenerator({ clock, random });
  const registry = createPluginRegistry({ clock, createId, logger: silentLogger, journal: new InMemoryJournal({ clock, createId }), operators: operatorTokens({ operator: token }) });
  const paid: unknown[] = [];
  await registry.register(pays(paid));
  const { url, call } = await serve({ plugins: { ...registry, run: (id, action, { params, by, idempotencyKey }) => registry.execute(id, action, params, { requestedBy: by, operatorCredential: token, whenPending: 'refuse', idempotencyKey }), list: () => Promise.resolve([{ id: 'shop', name: 'shop', version: '1.0.0', state: 'ready' }]) } });
  onTestFinished(() => registry.close());
  const client = createOrchestrationClient({ baseUrl: url, token });
  const ask = (euros: number) => registry.execute('shop', 'pay', { euros }, { requestedBy: 'clerk' }).then(({ success }) => (success ? 'paid' : 'not paid'), (error: unknown) => (error as { code: string }).code);
  const pending = async (count: number) => {
    await expect.poll(() => client.listApprovals({ status: 'pending' })).toHaveLength(count);
    return client.listApprovals({ status: 'pending' });
  };
  return { registry, client, call, paid, ask, pending };
}

describe('approvals over HTTP', () => {
  it('are listed, shown, approved and denied, with who decided and why', async () => {
    const { client, ask, pending, paid } = await office();
    const [first, second] = [ask(5), ask(500)];
    const [one, two] = await pending(2);
    expect(one).toMatchObject({ status: 'pending', plugin: 'shop', action: 'pay', description: 'Pays somebody.', params: { euros: 5 }, requestedBy: 'clerk', expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown });
    expect((await client.runtimeStatus()).pendingApprovals).toBe(2);
    expect(await client.approve(one?.id ?? '', { by: 'ada' })).toMatchObject({ status: 'approved', decidedBy: 'ada' });
    expect(await client.deny(two?.id ?? '', { by: 'bob', reason: 'too much' })).toMatchObject({ status: 'denied', decidedBy: 'bob', reason: 'too much' });
    expect(await Promise.all([first, second])).toEqual(['paid', 'PLUGIN_ACTION_DENIED']);
    expect(paid).toEqual([{ euros: 5 }]);
    expect(await client.getApproval(one?.id ?? '')).toMatchObject({ status: 'used', decidedBy: 'ada', decidedAt: expect.any(String) as unknown });
    expect((await client.listApprovals()).map(({ status }) => status)).toEqual(['used', 'denied']);
    expect(await client.listApprovals({ status: 'pending' })).toEqual([]);
  });

  it('are answered once, and by "operator" when nobody says who it is', async () => {
    const { client, ask, pending } = await office();
    void ask(5);
    const [request] = await pending(1);
    const answers = await Promise.allSettled([client.approve(request?.id ?? ''), client.deny(request?.id ?? '')]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(answers[1]).toMatchObject({ reason: { status: 409, code: 'APPROVAL_CLOSED' } });
    expect((await client.getApproval(request?.id ?? '')).decidedBy).toBe('operator');
  });

  it('refuse what they do not know', async () => {
    const { client, call } = await office();
    await expect(client.approve('nobody')).rejects.toMatchObject({ status: 404, code: 'APPROVAL_NOT_FOUND' });
    await expect(client.getApproval('__proto__')).rejects.toMatchObject({ status: 404 });
    expect(await call('GET', '/api/v1/approvals?status=maybe')).toMatchObject({ status: 422 });
    expect(await call('GET', '/api/v1/approvals?colour=red')).toMatchObject({ status: 422 });
    expect(await call('POST', '/api/v1/approvals/x/approve', { body: { resaon: 'x' } })).toMatchObject({ status: 422, body: { error: { message: expect.stringContaining('did you mean "reason"?') as unknown } } });
    expect(await call('POST', '/api/v1/approvals/x/approve', { headers: { authorization: 'Bearer wrong' } })).toMatchObject({ status: 401 });
  });

  it('and plugins are there only where a host has them', async () => {
    const { call } = await serve();
    for (const path of ['/approvals', '/approvals/x', '/plugins']) expect(await call('GET', `/api/v1${path}`)).toMatchObject({ status: 404, body: { error: { code: 'NO_PLUGINS' } } });
    const { client } = await office();
    expect(await client.listPlugins()).toMatchObject([{ id: 'shop', state: 'ready', actions: [], usedBy: [] }]);
  });

  it('are not asked for what an operator does by hand, which is done once for its key', async () => {
    const { client, call, paid } = await office();
    expect(await client.runAction('shop', 'close', { params: { day: 'monday' }, idempotencyKey: 'k1', by: 'ada' })).toEqual({ success: true });
    expect(await client.runAction('shop', 'close', { params: { day: 'monday' }, idempotencyKey: 'k1', by: 'ada' })).toEqual({ success: true });
    expect(paid).toEqual([{ day: 'monday' }]);
    const refused = async (path: string, body: object) => {
      const answer = await call('POST', `/api/v1/plugins/${path}`, { body });
      return [answer.status, answer.body.error];
    };
    expect(await refused('shop/actions/close', { params: {} })).toMatchObject([422, { code: 'PLUGIN_VALIDATION', message: expect.stringContaining('day') as string }]);
    expect(await refused('shop/actions/close', { params: [] })).toMatchObject([422, { code: 'DOCUMENT_INVALID' }]);
    expect(await refused('shop/actions/never', {})).toMatchObject([404, { code: 'PLUGIN_ACTION_NOT_FOUND' }]);
    expect(await refused('never/actions/close', {})).toMatchObject([404, { code: 'PLUGIN_NOT_FOUND' }]);
    expect(await refused('shop/actions/close', { params: { day: 'tuesday' }, idempotency_key: 'k1', by: 'ada' })).toMatchObject([409, { code: 'PLUGIN_CALL_CONFLICT' }]);
    // What has to be approved has to be approved, whoever asks for it.
    expect(await refused('shop/actions/pay', { params: { euros: 1 } })).toMatchObject([409, { code: 'PLUGIN_APPROVAL_PENDING' }]);
    expect(paid).toHaveLength(1);
  });
});
