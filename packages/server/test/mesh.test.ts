import { fixedClock } from '@cortex-runtime/core/testing';
import { createOrchestrationClient } from '@cortex-runtime/orchestration-client';
import { describe, expect, it } from 'vitest';

import { CodedError, ListedMesh } from './listed-mesh.ts';
import { serve, token } from './serve.ts';

async function open() {
  const mesh = new ListedMesh();
  const served = await serve({ mesh });
  return { mesh, ...served, client: createOrchestrationClient({ baseUrl: served.url, token }) };
}

describe('the mesh, through the client', () => {
  it('says how it is, and who is in it', async () => {
    const { client, mesh } = await open();
    expect(await client.meshHealth()).toEqual({ ok: true, kind: 'memory', latencyMs: 1 });
    mesh.healthAnswer = () => Promise.resolve({ ok: false, error: 'no answer' });
    expect(await client.meshHealth()).toEqual({ ok: false, error: 'no answer' });
    expect(await client.listAgents()).toEqual([
      { name: 'forge', domains: ['eng'], primaryFor: ['eng'], description: '', capabilities: [], isPresent: true, instances: [{ instanceId: 'host-1', activeTasks: 2 }] },
      { name: 'scribe', domains: [], primaryFor: [], description: '', capabilities: [], isPresent: false, instances: [] },
    ]);
  });

  it('takes events', async () => {
    const { client, mesh, call } = await open();
    expect(await client.emitEvent({ eventType: 'order.paid', data: { orderId: 1 }, source: 'shop', eventId: 'e-1' })).toBe('e-1');
    expect(await client.emitEvent({ eventType: 'ping' })).toBe('event-0');
    expect(await client.emitEvent({ eventType: 'ping', data: null })).toBe('event-0');
    expect(mesh.asked).toEqual([
      ['emit', { eventType: 'order.paid', data: { orderId: 1 }, source: 'shop', eventId: 'e-1' }],
      ['emit', { eventType: 'ping', data: {}, source: 'operator' }],
      ['emit', { eventType: 'ping', data: null, source: 'operator' }],
    ]);
    expect(await call('POST', '/api/v1/events', { body: { event_type: 'ping' } })).toMatchObject({ status: 202, body: { event_id: 'event-0' } });
  });

  it('takes messages for a topic, whatever is in its name', async () => {
    const { client, mesh, call } = await open();
    expect(await client.publishMessage('team/news', { content: ['any', { thing: 1 }], sender: 'ann', messageId: 'm-1', session: { channel: 'slack' } })).toBe('m-1');
    expect(await client.publishMessage('t', { content: 'hello' })).toBe('message-0');
    expect(mesh.asked).toEqual([
      ['publish', 'team/news', { content: ['any', { thing: 1 }], sender: 'ann', messageId: 'm-1', session: { channel: 'slack' } }],
      ['publish', 't', { content: 'hello', sender: 'operator' }],
    ]);
    expect(await call('POST', '/api/v1/topics/t/messages', { body: { content: null } })).toMatchObject({ status: 202, body: { message_id: 'message-0' } });
    await expect(client.publishMessage('two words', { content: 1 })).rejects.toMatchObject({ status: 422, code: 'INVALID_INPUT', message: expect.stringMatching(/^topic: /) as string });
  });

  it.each([
    ['events', {}, /^event_type: .*got nothing/],
    ['events', { event_type: '' }, /^event_type: must be words of .* such as order\.paid/],
    ['events', { event_type: 'order.*' }, /^event_type: must be words/],
    ['events', { event_type: 'a..b' }, /^event_type: must be words/],
    ['events', { event_type: 'x'.repeat(201) }, /^event_type: /],
    ['events', { event_type: 'a', source: '' }, /^source: /],
    ['events', { event_type: 'a', source: 5 }, /^source: expected string, got 5/],
    ['events', { event_type: 'a', event_id: 'x'.repeat(257) }, /^event_id: /],
    ['events', { event_type: 'a', dta: 1 }, /^dta: unknown key; did you mean "data"\?/],
    ['events', { event_type: 'a', data: { text: '\ud800' } }, /^data\.text: holds a lone surrogate/],
    ['topics/t/messages', {}, /^content: is required/],
    ['topics/t/messages', { content: 1, sender: '' }, /^sender: /],
    ['topics/t/messages', { content: 1, message_id: 'x'.repeat(256) }, /^message_id: /],
    ['topics/t/messages', { content: 1, session: 'x' }, /^session: /],
    ['topics/t/messages', { content: 1, session: { a: '\ud800' } }, /^session\.a: holds a lone surrogate/],
    ['topics/t/messages', { content: '\ud800' }, /^content: holds a lone surrogate/],
    ['topics/t/messages', { content: 1, cause: ['x'] }, /^cause: unknown key/],
  ])('refuses for %s the body %j', async (path, body, message) => {
    const { call, mesh } = await open();
    expect(await call('POST', `/api/v1/${path}`, { body })).toMatchObject({ status: 422, body: { error: { message: expect.stringMatching(message) as string } } });
    expect(mesh.asked).toEqual([]);
  });

  it.each([
    ['BUS_FULL', true, 503],
    ['BUS_CONNECTION', true, 503],
    ['BUS_CLOSED', false, 503],
    ['DISPATCH_STORE', true, 503],
    ['DISPATCH_STORE', false, 500],
    ['BUS_DEDUP_CONFLICT', false, 409],
  ])('that answers %s (retryable: %s) is status %d', async (code, retryable, status) => {
    const { call, mesh } = await open();
    mesh.failure = new CodedError(code, retryable);
    for (const [method, path, body] of [['GET', 'mesh/agents'], ['POST', 'tasks', { text: '@forge go' }], ['GET', 'tasks/t'], ['DELETE', 'tasks/t'], ['POST', 'events', { event_type: 'a' }], ['POST', 'topics/t/messages', { content: 1 }]] as const) {
      const answer = await call(method, `/api/v1/${path}`, body === undefined ? {} : { body });
      expect([path, answer.status, answer.body.error.code, answer.headers.get('retry-after')]).toEqual([path, status, code, status === 503 ? '30' : null]);
    }
  });

  it('needs the token, and is not there where the host is part of none', async () => {
    const { call } = await open();
    const { call: callAlone } = await serve();
    for (const [method, path] of [['GET', 'mesh'], ['GET', 'mesh/agents'], ['POST', 'tasks'], ['GET', 'tasks/t'], ['DELETE', 'tasks/t'], ['POST', 'events'], ['POST', 'topics/t/messages']] as const) {
      expect([path, (await call(method, `/api/v1/${path}`, { headers: { authorization: 'Bearer wrong' } })).status]).toEqual([path, 401]);
      expect([path, (await callAlone(method, `/api/v1/${path}`)).body.error.code]).toEqual([path, 'NOT_FOUND']);
    }
  });
});

describe('health', () => {
  it('says of the mesh whether it answers, and nothing else', async () => {
    const { url, mesh, client, call } = await open();
    const health = async () => (await (await fetch(`${url}/health`)).json()) as object;
    expect(await health()).toEqual({ status: 'healthy', process_count: 2, durability: 'standard', mesh: { ok: true } });
    mesh.healthAnswer = () => Promise.resolve({ ok: false, error: 'redis://secret-place does not answer' });
    expect(await health()).toMatchObject({ status: 'healthy', mesh: { ok: false } });
    expect(JSON.stringify(await health())).not.toContain('secret-place');
    mesh.healthAnswer = () => Promise.reject(new Error('never rejects, it says'));
    expect((await client.health()).mesh).toEqual({ ok: false });
    expect(await call('GET', '/api/v1/ready')).toMatchObject({ status: 200, body: { status: 'ready' } });
  });

  it('does not wait for a mesh that hangs, and asks it once however many ask', async () => {
    const clock = fixedClock();
    const mesh = new ListedMesh();
    let questions = 0;
    mesh.healthAnswer = () => ((questions += 1), new Promise(() => {}));
    const { call } = await serve({ mesh, clock });
    const answers = ['/api/v1/health', '/api/v1/health', '/api/v1/health'].map((path) => call('GET', path));
    await expect.poll(() => questions).toBe(1);
    await expect.poll(() => clock.pending()).toEqual([1_000]);
    await clock.advance(1_000);
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(Array.from({ length: 3 }, () => ({ status: 'healthy', process_count: 2, durability: 'standard', mesh: { ok: false } })));
    expect(questions).toBe(1);
    mesh.healthAnswer = () => Promise.resolve({ ok: true });
    expect((await call('GET', '/api/v1/health')).body).toMatchObject({ mesh: { ok: true } });
  });
});
