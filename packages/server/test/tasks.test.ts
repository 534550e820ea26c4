import { createOrchestrationClient } from '@cortex-runtime/orchestration-client';
import { describe, expect, it } from 'vitest';

import { ListedMesh } from './listed-mesh.ts';
import { serve, token } from './serve.ts';

async function open() {
  const mesh = new ListedMesh();
  const served = await serve({ mesh });
  return { mesh, ...served, client: createOrchestrationClient({ baseUrl: served.url, token }) };
}

const success = { task_id: 't-1', status: 'success', agent: 'forge', response_text: 'It is done.', duration_seconds: 2 };

describe('tasks, through the client', () => {
  it('are handed in with everything that was said of them', async () => {
    const { client, mesh } = await open();
    const task = { text: 'build it', taskId: 't-1', agent: 'forge', priority: 'urgent' as const, sender: 'Ann', senderId: 'u1', threadId: 'T/17', metadata: { roomId: 1, nested: { a_b: [null] } } };
    expect(await client.submitTask(task)).toEqual({ status: 'accepted', taskId: 't-1', stream: 'tasks:forge', msgId: '1-0', agent: 'forge', domain: null, rule: 'agent' });
    expect(mesh.tasks.get('t-1')?.given).toEqual(task);
    expect(await client.submitTask({ text: 'for anybody', domain: 'ops' })).toMatchObject({ agent: null, domain: 'ops', rule: 'domain' });
    expect(await client.submitTask({ text: '@forge please' })).toMatchObject({ taskId: 'task-2', agent: 'forge', rule: 'mention' });
    expect(mesh.tasks.get('task-2')?.given).toEqual({ text: '@forge please' });
  });

  it('are taken once under an id', async () => {
    const { client, call } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    expect(await call('POST', '/api/v1/tasks', { body: { text: 'go', task_id: 't-1', agent: 'forge' } })).toMatchObject({ status: 202, body: { status: 'duplicate', task_id: 't-1' } });
    await expect(client.submitTask({ text: 'something else', taskId: 't-1', agent: 'forge' })).rejects.toMatchObject({ status: 409, code: 'DISPATCH_CONFLICT' });
    await expect(client.submitTask({ text: 'for whom?' })).rejects.toMatchObject({ status: 404, code: 'NOBODY_THERE' });
  });

  it('have their result as soon as there is one', async () => {
    const { client, mesh, call } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    expect(await client.taskResult('t-1')).toBeUndefined();
    expect(await call('GET', '/api/v1/tasks/t-1')).toMatchObject({ status: 202, body: { status: 'pending', task_id: 't-1' } });
    const waiting = client.taskResult('t-1', { waitMs: 20_000 });
    await expect.poll(() => [...mesh.waits].map(({ waitMs }) => waitMs)).toEqual([20_000]);
    mesh.tasks.get('t-1')?.finish(success);
    expect(await waiting).toMatchObject({ status: 'success', responseText: 'It is done.', durationMs: 2_000, error: null });
    expect(await call('GET', '/api/v1/tasks/t-1?wait=5m')).toMatchObject({ status: 200, body: { status: 'done', task_id: 't-1', result: success } });
    await expect(client.taskResult('t-2')).rejects.toMatchObject({ status: 404, code: 'TASK_NOT_FOUND' });
  });

  it('are pending when there is no result in time', async () => {
    const { client, mesh } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    const waiting = client.taskResult('t-1', { waitMs: 1_500 });
    await expect.poll(() => [...mesh.waits].map(({ waitMs }) => waitMs)).toEqual([1_500]);
    for (const { timeUp } of mesh.waits) timeUp();
    expect(await waiting).toBeUndefined();
  });

  it('are waited for only as long as the client is there', async () => {
    const { client, mesh } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    const leaving = new AbortController();
    const waiting = client.taskResult('t-1', { waitMs: 20_000 }, { signal: leaving.signal });
    await expect.poll(() => mesh.waits.size).toBe(1);
    const [wait] = mesh.waits;
    expect(wait?.signal?.aborted).toBe(false);
    leaving.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect.poll(() => wait?.signal?.aborted).toBe(true);
    await expect.poll(() => mesh.waits.size).toBe(0);
  });

  it('are pending when the server closes, so that whoever waits can ask again', async () => {
    const { mesh, server, call, client } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    const waiting = call('GET', '/api/v1/tasks/t-1?wait=300');
    await expect.poll(() => mesh.waits.size).toBe(1);
    await server.close();
    expect(await waiting).toMatchObject({ status: 202, body: { status: 'pending' } });
  });

  it('can be taken back', async () => {
    const { client, mesh, call } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    expect(await client.cancelTask('t-1', { by: 'ann', reason: 'not needed' })).toBe(true);
    expect(await call('DELETE', '/api/v1/tasks/t-1')).toMatchObject({ status: 200, body: { task_id: 't-1', cancelled: true } });
    mesh.tasks.get('t-1')?.finish(success);
    expect(await client.cancelTask('t-1')).toBe(false);
    expect(mesh.asked).toEqual([['cancel', 't-1', { by: 'ann', reason: 'not needed' }], ['cancel', 't-1', { by: 'operator' }], ['cancel', 't-1', { by: 'operator' }]]);
    await expect(client.cancelTask('t-2')).rejects.toMatchObject({ status: 404, code: 'TASK_NOT_FOUND' });
    for (const body of [{ reason: '' }, { by: 5 }, { why: 'x' }]) expect((await call('DELETE', '/api/v1/tasks/t-1', { body })).status).toBe(422);
  });

  it.each([
    [{}, /^text: .*got nothing/],
    [{ text: '' }, /^text: must say what is to be done/],
    [{ text: ' \n' }, /^text: must say what is to be done/],
    [{ text: 7 }, /^text: expected string, got 7/],
    [{ text: 'a\ud800' }, /^text: holds a lone surrogate/],
    [{ text: 'x', agent: 'forge', domain: 'eng' }, /^domain: goes without "agent".*leave one of them out/],
    [{ text: 'x', agent: 'two words' }, /^agent: must be 1 to 128 letters/],
    [{ text: 'x', agent: '' }, /^agent: must be 1 to 128 letters/],
    [{ text: 'x', domain: 'a:b' }, /^domain: must be 1 to 128 letters/],
    [{ text: 'x', priority: 'asap' }, /^priority: .*"low"\|"normal"\|"high"\|"urgent", got "asap"/],
    [{ text: 'x', task_id: '' }, /^task_id: must be 1 to 200 visible ASCII characters/],
    [{ text: 'x', task_id: '..' }, /^task_id: must be/],
    [{ text: 'x', task_id: 'a b' }, /^task_id: must be/],
    [{ text: 'x', task_id: 'x'.repeat(201) }, /^task_id: must be/],
    [{ text: 'x', sender: '' }, /^sender: /],
    [{ text: 'x', sender_id: 'x'.repeat(401) }, /^sender_id: /],
    [{ text: 'x', thread_id: null }, /^thread_id: expected string, got null/],
    [{ text: 'x', metadata: ['x'] }, /^metadata: expected record, got a list of 1/],
    [{ text: 'x', metadata: { a: { b: '\ud800' } } }, /^metadata\.a\.b: holds a lone surrogate/],
    [{ text: 'x', agnt: 'forge' }, /^agnt: unknown key; did you mean "agent"\?/],
    [{ text: 'x', taskId: 't' }, /^taskId: unknown key; did you mean "task_id"\?/],
  ])('are refused when handed in as %j', async (body, message) => {
    const { call, mesh } = await open();
    expect(await call('POST', '/api/v1/tasks', { body })).toMatchObject({ status: 422, body: { error: { message: expect.stringMatching(message) as string } } });
    expect(mesh.tasks.size).toBe(0);
  });

  it.each([['wait=301', /^wait: must be at most 300 s/], ['wait=-1', /^wait: must be a number of seconds/], ['wait=soon', /^wait: /], ['wait=', /^wait: /], ['wait=1&wait=2', /^wait: /], ['timeout=1', /^timeout: unknown key/]])('are not waited for with ?%s', async (query, message) => {
    const { call, client } = await open();
    await client.submitTask({ text: 'go', taskId: 't-1', agent: 'forge' });
    expect(await call('GET', `/api/v1/tasks/t-1?${query}`)).toMatchObject({ status: 422, body: { error: { code: 'DOCUMENT_INVALID', message: expect.stringMatching(message) as string } } });
  });

  it('may wait for exactly the longest time, and be named by any id that is allowed', async () => {
    const { call, client, mesh } = await open();
    const taskId = `a/?#%&+;=:@!$'()*,[]{}|\\^\`"<>~-_.`;
    expect((await client.submitTask({ text: 'go', taskId, agent: 'forge' })).taskId).toBe(taskId);
    mesh.tasks.get(taskId)?.finish(success);
    expect(await client.taskResult(taskId, { waitMs: 300_000 })).toMatchObject({ status: 'success' });
    expect((await call('GET', `/api/v1/tasks/${encodeURIComponent(taskId)}?wait=300`)).status).toBe(200);
  });
});
