import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { createOrchestrationClient } from './orchestration-client.ts';

/** A client of a host that answers each request with the next reply, and what it was asked. */
function clientOf(...replies: object[]) {
  const asked: { method: string | undefined; path: string; body: unknown }[] = [];
  const client = createOrchestrationClient({
    baseUrl: 'http://h',
    fetch: (url, init) => {
      asked.push({ method: init?.method, path: url.replace('http://h/api/v1', ''), body: init?.body === undefined ? undefined : (JSON.parse(init.body as string) as unknown) });
      return Promise.resolve(Response.json(replies.shift() ?? {}));
    },
  });
  return { client, asked };
}

const pending = { status: 'pending', task_id: 't' };
const done = { status: 'done', task_id: 't', result: { task_id: 't', status: 'success', response_text: 'Done.', duration_seconds: 1.5 } };

describe('calls of the mesh', () => {
  it('write the names of documents, and nothing that was left out', async () => {
    const { client, asked } = clientOf({ status: 'accepted', task_id: 't', stream: 's', msg_id: '1-0', agent: null, domain: 'eng', rule: 'domain' }, { task_id: 't', cancelled: true }, { event_id: 'e' }, { message_id: 'm' });
    expect(await client.submitTask({ text: 'go', taskId: 't', domain: 'eng', threadId: 'T-1', metadata: { roomId: 1 } })).toMatchObject({ status: 'accepted', msgId: '1-0', agent: null });
    expect(await client.cancelTask('a/b', { reason: 'not needed' })).toBe(true);
    expect(await client.emitEvent({ eventType: 'order.paid', data: { orderId: 1 } })).toBe('e');
    expect(await client.publishMessage('team/news', { content: 'hi', messageId: 'm' })).toBe('m');
    expect(asked).toEqual([
      { method: 'POST', path: '/tasks', body: { text: 'go', task_id: 't', domain: 'eng', thread_id: 'T-1', metadata: { roomId: 1 } } },
      { method: 'DELETE', path: '/tasks/a%2Fb', body: { reason: 'not needed' } },
      { method: 'POST', path: '/events', body: { event_type: 'order.paid', data: { orderId: 1 } } },
      { method: 'POST', path: '/topics/team%2Fnews/messages', body: { content: 'hi', message_id: 'm' } },
    ]);
  });

  it('read a result with what a newer host adds, and fill in what a task did not have', async () => {
    const { client } = clientOf({ ...done, result: { ...done.result, mood: 'good' } });
    expect(await client.taskResult('t')).toMatchObject({ status: 'success', responseText: 'Done.', durationMs: 1_500, error: null, costUsd: null, mood: 'good' });
  });

  it('look once when nothing is said of waiting', async () => {
    const { client, asked } = clientOf(pending);
    expect(await client.taskResult('t')).toBeUndefined();
    expect(asked.map(({ path }) => path)).toEqual(['/tasks/t?wait=0']);
  });

  it('wait for longer than one request may take, in several', async () => {
    const { client, asked } = clientOf(pending, pending, pending);
    expect(await client.taskResult('t', { waitMs: 130_000.4 })).toBeUndefined();
    expect(asked.map(({ path }) => path)).toEqual(['/tasks/t?wait=60', '/tasks/t?wait=60', '/tasks/t?wait=10.001']);
  });

  it('give a request as much more time as the host was asked to wait', async () => {
    const limits = vi.spyOn(AbortSignal, 'timeout');
    onTestFinished(() => limits.mockRestore());
    const { client } = clientOf(pending);
    await client.taskResult('t', { waitMs: 20_000 });
    expect(limits.mock.calls).toEqual([[50_000]]);
  });

  it('end when the result is there, however long they might have waited', async () => {
    const { client, asked } = clientOf(pending, done);
    expect(await client.taskResult('t', { waitMs: Infinity })).toMatchObject({ responseText: 'Done.' });
    expect(asked).toHaveLength(2);
  });
});
