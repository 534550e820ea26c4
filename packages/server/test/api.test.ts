import { describe, expect, it } from 'vitest';

import { createOrchestrationClient, OrchestrationError } from '@cortex-runtime/orchestration-client';

import { ListedRuntime } from './listed-runtime.ts';
import { serve, token } from './serve.ts';

const entry = (seq: number, entryType = 'tool_call') => ({ seq, id: `id-${seq}`, processId: 'watcher', timestamp: '2026-01-01T00:00:00.000Z', entryType, data: { tool: 't' }, hash: '0'.repeat(64) });

describe('the orchestration API through its client', () => {
  it('lists, shows and controls processes', async () => {
    const { url } = await serve();
    const client = createOrchestrationClient({ baseUrl: url, token });
    expect(await client.health()).toEqual({ status: 'healthy', processCount: 2, durability: 'standard' });
    expect(await client.ready()).toEqual({ status: 'ready' });
    expect(await client.listProcesses()).toEqual([{ name: 'watcher', state: 'running', processId: 'watcher' }, { name: 'clerk', state: 'running', processId: 'clerk' }]);
    expect(await client.stopProcess('clerk')).toEqual({ name: 'clerk', state: 'stopped' });
    expect(await client.startProcess('clerk')).toEqual({ name: 'clerk', state: 'running' });
    expect(await client.suspendProcess('clerk')).toEqual({ name: 'clerk', state: 'suspended' });
    expect(await client.resumeProcess('clerk')).toEqual({ name: 'clerk', state: 'running' });
    expect(await client.restartProcess('clerk')).toEqual({ name: 'clerk', state: 'running' });
    expect(await client.getProcess('watcher')).toMatchObject({ name: 'watcher', uptimeMs: 1_500, runningRuns: 0 });
    expect(await client.getMetrics('watcher')).toEqual(await client.getProcess('watcher'));
    expect(Object.keys((await client.runtimeStatus()).processes)).toEqual(['watcher', 'clerk']);
  });

  // 12.6: names were not URL-encoded.
  it('reaches a process whose name needs encoding', async () => {
    const { url } = await serve({ runtime: new ListedRuntime('a/b c?d%2e') });
    const client = createOrchestrationClient({ baseUrl: url, token });
    expect(await client.getProcess('a/b c?d%2e')).toMatchObject({ name: 'a/b c?d%2e' });
  });

  // 12.2 L9: start-all reported success even if every process failed.
  it('reports which processes failed to start', async () => {
    const { url, runtime } = await serve();
    runtime.getProcess('clerk').startError = new Error('disk on fire');
    const client = createOrchestrationClient({ baseUrl: url, token });
    const report = await client.startAll();
    expect(report).toMatchObject({ status: 'partial', started: ['watcher'], failed: [{ name: 'clerk', error: { code: 'INTERNAL_ERROR' } }] });
    expect(await client.stopAll()).toMatchObject({ status: 'stopped', stopped: ['watcher', 'clerk'], failed: [] });
  });

  it('answers what failed with the code of the operation, without the inside of the host', async () => {
    const { call, runtime } = await serve();
    runtime.getProcess('clerk').startError = new Error('password=hunter2');
    const failed = await call('POST', '/api/v1/processes/clerk/start');
    expect(failed).toMatchObject({ status: 500, body: { error: { code: 'START_FAILED' } } });
    expect(JSON.stringify(failed.body)).not.toContain('hunter2');
    await call('POST', '/api/v1/processes/clerk/stop');
    expect(await call('POST', '/api/v1/processes/clerk/suspend')).toMatchObject({ status: 409, body: { error: { code: 'PROCESS_STATE' } } });
    expect(await call('GET', '/api/v1/processes/nobody')).toMatchObject({ status: 404, body: { error: { code: 'PROCESS_NOT_FOUND' } } });
  });

  it('takes an injected event once', async () => {
    const { call, runtime } = await serve();
    const body = { payload: { order: 1 }, trigger_type: 'test', event_id: 'only-once' };
    expect(await call('POST', '/api/v1/processes/watcher/events', { body })).toMatchObject({ status: 202, body: { status: 'accepted', event_id: 'only-once' } });
    expect(await call('POST', '/api/v1/processes/watcher/events', { body })).toMatchObject({ status: 200, body: { status: 'duplicate' } });
    expect(runtime.getProcess('watcher').events).toEqual([{ payload: { order: 1 }, triggerType: 'test', eventId: 'only-once' }]);
    expect(await call('POST', '/api/v1/processes/watcher/events', { body: { paylod: 1 } })).toMatchObject({ status: 422, body: { error: { code: 'DOCUMENT_INVALID' } } });
    expect(await call('POST', '/api/v1/processes/watcher/events', { body: { payload: null } })).toMatchObject({ status: 202 });
  });

  // 12.6: the journal route was always empty, and a limit that is no number gave a bare 500.
  it('reads the newest journal entries, and refuses a query that means nothing', async () => {
    const { url, runtime, call } = await serve();
    runtime.getProcess('watcher').entries = Array.from({ length: 100 }, (_, index) => entry(index + 1, index % 2 === 0 ? 'tool_call' : 'llm_call'));
    const client = createOrchestrationClient({ baseUrl: url, token });
    expect((await client.getJournal('watcher')).entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, index) => index + 51));
    expect((await client.getJournal('watcher', { limit: 2, type: 'tool_call' })).entries.map(({ seq }) => seq)).toEqual([97, 99]);
    expect((await client.getJournal('watcher', { sinceSeq: 10, limit: 2, direction: 'forward' })).entries.map(({ seq }) => seq)).toEqual([11, 12]);
    for (const query of ['limit=ten', 'limit=0', 'limit=501', 'limit=1.5', 'since_seq=-1', 'direction=sideways', 'colour=red', 'limit=1&limit=2']) {
      expect([query, (await call('GET', `/api/v1/processes/watcher/journal?${query}`)).status]).toEqual([query, 422]);
    }
  });

  it('lists, gives back and forgets dead letters', async () => {
    const { url, runtime } = await serve();
    const letter = (eventId: string) => ({ event: { triggerId: 't', triggerType: 'webhook', eventId, timestamp: 0, payload: {}, metadata: {}, cause: [] }, reason: 'retries exhausted', error: 'no', attempts: 4, deadLetteredAt: 0 });
    runtime.getProcess('watcher').letters = [letter('a'), letter('b'), letter('c')];
    const client = createOrchestrationClient({ baseUrl: url, token });
    expect((await client.listDeadLetters('watcher')).map(({ eventId, attempts }) => [eventId, attempts])).toEqual([['a', 4], ['b', 4], ['c', 4]]);
    expect(await client.redeliver('watcher', { eventId: 'b' })).toEqual(['b']);
    expect(await client.redeliver('watcher')).toEqual(['a', 'c']);
    // 12.6: DELETE answered 204 and the client choked on it.
    expect(await client.clearDeadLetters('watcher')).toBe(0);
  });

  it('settles an effect whose id has slashes', async () => {
    const { url, runtime } = await serve();
    const client = createOrchestrationClient({ baseUrl: url, token });
    const [effect] = await client.listWaitingEffects('watcher');
    expect(effect).toMatchObject({ effectId: 'run-1/2/0', tool: 'office__issue_refund' });
    await client.resolveEffect('watcher', 'run-1/2/0', { resolution: 'happened', result: { refund: 'R-1' }, by: 'ann' });
    expect(runtime.getProcess('watcher').resolved).toEqual([['run-1/2/0', 'happened', { result: { refund: 'R-1' }, by: 'ann' }]]);
  });

  it('asks the host to stop after it has answered', async () => {
    const { url, shutdowns } = await serve();
    expect(await createOrchestrationClient({ baseUrl: url, token }).shutdown()).toMatchObject({ status: 'stopping', pid: process.pid });
    await expect.poll(shutdowns).toBe(1);
  });

  it('names what is wrong when the host is not there or the token is wrong', async () => {
    const { url } = await serve();
    const wrong = createOrchestrationClient({ baseUrl: url, token: 'wrong' });
    await expect(wrong.listProcesses()).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401, retryable: false });
    const nowhere = createOrchestrationClient({ baseUrl: 'http://127.0.0.1:9' });
    await expect(nowhere.health()).rejects.toMatchObject({ code: 'HOST_UNREACHABLE', status: 0, retryable: true });
    await expect(nowhere.health()).rejects.toBeInstanceOf(OrchestrationError);
  });
});

describe('bodies', () => {
  it('refuses what is no JSON object with 400', async () => {
    const { call } = await serve();
    for (const raw of ['{', '[1]', '"text"', 'null', 'payload=1', new Uint8Array([0x7b, 0xff, 0x7d])]) {
      expect(await call('POST', '/api/v1/processes/watcher/events', { raw })).toMatchObject({ status: 400, body: { error: { code: 'INVALID_JSON' } } });
    }
  });

  // A10
  it('refuses bombs: too large, compressed, too deep, too many keys', async () => {
    const { call, runtime } = await serve();
    const events = '/api/v1/processes/watcher/events';
    expect(await call('POST', events, { raw: `{"payload":"${'x'.repeat(2 * 1024 * 1024)}"}` })).toMatchObject({ status: 413, body: { error: { code: 'BODY_TOO_LARGE' } } });
    expect(await call('POST', events, { raw: 'x', headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 415 });
    expect(await call('POST', events, { raw: `{"payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}` })).toMatchObject({ status: 422 });
    expect((await call('POST', events, { raw: `{${Array.from({ length: 60_000 }, (_, index) => `"k${index}":1`).join(',')}}` })).status).toBe(422);
    expect((await call('POST', events, { raw: '{"payload":1,"__proto__":{"payload":2}}' })).status).toBe(422);
    expect((await call('GET', `/api/v1/processes/${'x'.repeat(2_000)}`)).status).toBe(414);
    expect((await call('GET', '/api/v1/processes/%E0%A4%A')).status).toBe(400);
    expect(runtime.getProcess('watcher').events).toEqual([]);
  });
});
