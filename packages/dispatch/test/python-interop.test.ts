import { describe, expect, it } from 'vitest';

import { readTaskPayload, readTaskResult, writeTaskPayload } from '../src/index.ts';
import { agent, echo, freshPrefix, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';

/** Everything that the Python library writes of a task, nulls included. */
const pythonTask = {
  task_id: '0a1b2c3d4e5f60718293a4b5c6d7e8f9', message_id: '1718000000.1', thread_id: null, channel_name: 'general', room_id: 'C1', domain: 'eng', sender: 'Ann', sender_id: 'U1', text: 'hello',
  mentions: [], has_bot_mention: false, in_active_thread: false, metadata: { source: 'slack' }, thread_context: [], attachments: [], preferred_agent: null, complexity_tier: null, task_type: null, session_id: null,
  context_version: null, context_snapshot_id: null, dispatched_at: '2026-06-01T12:00:00Z',
};

/** A Redis client that speaks nothing but the format of the Python library stands for it. */
describe.skipIf(redisUrl === '')('agents and conductors of the Python library on the same Redis', () => {
  it.each(['type', 'msg_type'])('a task that one of them publishes, with its type in the field %s, is answered', async (field) => {
    const streamPrefix = freshPrefix();
    const raw = rawClient();
    await agent(openRedisBus({ streamPrefix }), echo);
    await raw.xadd(`${streamPrefix}:tasks:eng`, 'MAXLEN', '~', '1000', '*', field, 'task', 'payload', JSON.stringify(pythonTask));
    const [[, fields]] = await until(async () => {
      const entries = (await raw.xrange(`${streamPrefix}:results`, '-', '+')) as [[string, string[]]];
      expect(entries).toHaveLength(1);
      return entries;
    });
    expect(fields.filter((_, index) => index % 2 === 0)).toEqual(['type', 'payload']);
    expect(fields[1]).toBe('result');
    const result = JSON.parse(fields[3] ?? '') as Record<string, unknown>;
    expect(result).toMatchObject({ task_id: pythonTask.task_id, message_id: pythonTask.message_id, agent: 'forge', status: 'success', response_text: 'echo: hello', domain: 'eng', sender: 'Ann', text: 'hello' });
    expect(await raw.xpending(`${streamPrefix}:tasks:eng`, 'cortex-agents')).toMatchObject({ 0: 0 });
  });

  it('what can not be read as a task is answered with a result that they can read', async () => {
    const streamPrefix = freshPrefix();
    const raw = rawClient();
    await agent(openRedisBus({ streamPrefix }), echo);
    const id = await raw.xadd(`${streamPrefix}:tasks:eng`, '*', 'type', 'task', 'payload', '{"half":');
    const [[, fields]] = await until(async () => {
      const entries = (await raw.xrange(`${streamPrefix}:results`, '-', '+')) as [[string, string[]]];
      expect(entries).toHaveLength(1);
      return entries;
    });
    // These four are required there.
    expect(JSON.parse(fields[3] ?? '')).toMatchObject({ task_id: id, message_id: id, agent: 'forge', status: 'failure' });
  });

  it('one of them takes a task of ours from the same group, and its result comes back', async () => {
    const streamPrefix = freshPrefix();
    const raw = rawClient();
    const client = openClient(openRedisBus({ streamPrefix }));
    const task = await client.submit({ messageId: 'm', text: 'hello', domain: 'eng', senderId: 'u', roomId: 'R', priority: 'normal' });
    await raw.xgroup('CREATE', `${streamPrefix}:tasks:eng`, 'cortex-agents', '0', 'MKSTREAM').catch(() => {});
    const [[, [[id, fields]]]] = (await raw.xreadgroup('GROUP', 'cortex-agents', 'anvil-1', 'COUNT', 10, 'STREAMS', `${streamPrefix}:tasks:eng`, '>')) as [[string, [[string, string[]]]]];
    const of = (name: string) => fields[fields.indexOf(name) + 1];
    expect(of('type')).toBe('task');
    const payload = JSON.parse(of('payload') ?? '') as Record<string, unknown>;
    expect(payload).toMatchObject({ task_id: task.taskId, message_id: 'm', text: 'hello', domain: 'eng', sender_id: 'u', room_id: 'R', channel_id: 'R' });
    await raw.xadd(`${streamPrefix}:results`, 'MAXLEN', '~', '3000', '*', 'type', 'result', 'payload', JSON.stringify({ task_id: task.taskId, message_id: 'm', agent: 'anvil', status: 'success', response_text: 'hi', error: null, discoveries: [], memory_proposals: [] }));
    await raw.xack(`${streamPrefix}:tasks:eng`, 'cortex-agents', id);
    const results: string[] = [];
    await client.onResult((result) => void results.push(`${result.agent}: ${result.responseText}`), { group: 'conductor' });
    await until(() => expect(results).toEqual(['anvil: hi']));
  });

  it('reads and writes the fields of both documents of the seed', () => {
    expect(readTaskPayload(pythonTask)).toMatchObject({ taskId: pythonTask.task_id, roomId: 'C1', channelId: 'C1', priority: 'normal', threadId: null, metadata: { source: 'slack' } });
    const ours = readTaskPayload({ task_id: 't', message_id: 'm', channel_id: 'C2', priority: 'urgent', text: 'x', later_field: 1 });
    expect(ours).toMatchObject({ roomId: 'C2', channelId: 'C2', priority: 'urgent' });
    expect(JSON.parse(writeTaskPayload(ours))).toEqual({ task_id: 't', message_id: 'm', text: 'x', room_id: 'C2', channel_id: 'C2', domain: 'personal', priority: 'urgent' });
    expect(readTaskResult({ task_id: 't', message_id: 'm', agent: 'a', status: 'failure', memory_proposals: [{ category: 'facts', name: 'n', content: 'c' }] }).memoryProposals).toEqual([{ category: 'facts', name: 'n', mode: 'create', content: 'c' }]);
    expect(() => readTaskPayload({ task_id: 't', message_id: 'm', priority: 'soon' })).toThrow(/priority/);
  });
});
