import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { findRedisServer, redisServer } from '@cortex-runtime/bus/testing/servers';
import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { channelStream, TaskClient, type TaskResult } from '@cortex-runtime/dispatch';
import { seededRandom } from '@cortex-runtime/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { deadline, workshop } from './cortex.ts';

const seed = 20_261_127;
const kills = 8;
const tasks = Array.from({ length: 40 }, (_, index) => `t${index}`);

const agent = `version: "1.0"
name: forge
model: scripted:forge.yaml
instructions: Do what is asked.
triggers: [{ type: task, task_domains: [eng] }, { type: message, topic: news }]
config: { concurrency: 4 }
`;
const script = `rules:
  - when: { trigger_type: task }
    respond: { text: "done {{payload.text}}", delay: 0.05 }
fallback: { text: noted }
`;

describe.skipIf(findRedisServer() === undefined)('a host that is killed again and again while its agent takes tasks and messages', () => {
  it(`gives every task one result and one answer, and loses no message (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const server = await redisServer();
    onTestFinished(() => server.stop());
    const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom }, { url: server.url });
    const client = new TaskClient({ bus, clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }) });
    onTestFinished(async () => {
      await client.close();
      await bus.close();
    });
    const results: TaskResult[] = [];
    await client.onResult((result) => void results.push(result), { group: 'judge' });
    await bus.createGroup(channelStream('web'), 'judge');

    const shop = workshop();
    shop.write('agents/forge.agent', agent);
    shop.write('agents/forge.yaml', script);
    const environment = { CORTEX_REDIS_URL: server.url };
    let host = await shop.start([], environment);
    for (const taskId of tasks) await client.submit({ taskId, messageId: taskId, text: taskId, domain: 'eng', roomId: 'R', senderId: 'ada', metadata: { channel: 'web' } });
    for (let kill = 0; kill < kills; kill += 1) {
      await host.client.inject('forge', { payload: `while it lives ${kill}` }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.floor(random.next() * 250)));
      host.child.kill('SIGKILL');
      await host.finished;
      await bus.publish('topic:news', JSON.stringify({ sender: 'desk', content: kill }), { msgType: 'message' });
      host = await shop.start([], environment);
    }
    await expect.poll(() => new Set(results.map(({ taskId }) => taskId)).size, deadline).toBe(tasks.length);
    await expect.poll(async () => (await host.client.getProcess('forge')).queueSize, deadline).toBe(0);

    expect(results.map(({ taskId, status, responseText }) => `${taskId} ${status} ${responseText?.split('\n')[0]}`).sort()).toEqual(tasks.map((id) => `${id} success done ${id}`).sort());
    const calls = (await bus.readGroup(channelStream('web'), { group: 'judge', consumer: 'judge', count: 5_000 })).map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as { call: string; text: string });
    expect(calls.filter(({ call }) => call === 'send').map(({ text }) => text.split('\n')[0]).sort()).toEqual(tasks.map((id) => `done ${id}`).sort());
    const { entries } = await host.client.getJournal('forge', { type: 'trigger_event', limit: 500 });
    const ids = entries.map(({ data }) => String(data['event_id']));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id.startsWith('task:'))).toHaveLength(tasks.length);
    expect(ids.filter((id) => id.startsWith('message:'))).toHaveLength(kills);
    const report = JSON.parse((await shop.cortex(['verify', '--json'])).out) as { is_intact: boolean; history: { events: { pending: number }; violations: unknown[] } };
    expect(report).toMatchObject({ is_intact: true, history: { events: { pending: 0 }, violations: [] } });
  });
});
