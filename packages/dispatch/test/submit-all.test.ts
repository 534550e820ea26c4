import { InMemoryJournal } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { TaskOutbox, TasksNotSubmittedError } from '../src/index.ts';
import { agent, buses, clock, createId, echo, openClient, redisUrl, until } from './support/mesh.ts';

describe.each(['memory', 'Redis'] as const)('tasks that are handed in together, over %s', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  test('are each one task, in order, and the same when they are handed in again', async () => {
    const bus = buses[kind]()();
    const client = openClient(bus);
    const tasks = Array.from({ length: 300 }, (_, index) => client.complete({ messageId: `m${index}`, text: String(index), domain: index % 3 === 0 ? 'hr' : 'eng' }));
    const submitted = await client.submitAll(tasks);
    expect(submitted.map(({ taskId, stream }) => [taskId, stream])).toEqual(tasks.map(({ taskId, domain }) => [taskId, `tasks:${domain}`]));
    expect(await client.submitAll(tasks)).toEqual(submitted);
    expect(await client.submitAll([])).toEqual([]);
    const consumer = await agent(bus, echo, { domains: ['eng', 'hr'] });
    const results = await Promise.all(submitted.map((task) => client.waitFor(task)));
    expect(results.map(({ responseText }) => responseText)).toEqual(tasks.map(({ text }) => `echo: ${text}`));
    await until(() => expect(consumer.results).toHaveLength(300));
    const ofEng = consumer.results.filter(({ domain }) => domain === 'eng').map(({ text }) => Number(text));
    expect(ofEng).toEqual(ofEng.toSorted((a, b) => a - b));
  });

  test('that find no room are named, and nothing of the others is lost', async () => {
    const bus = buses[kind]()({ maxBacklog: 5 });
    await bus.createGroup('tasks:eng', 'cortex-agents');
    const client = openClient(bus);
    const refusal = await client.submitAll(Array.from({ length: 8 }, (_, index) => ({ messageId: `m${index}`, text: String(index), domain: 'eng' }))).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(TasksNotSubmittedError);
    const { submitted, refused, message, retryable } = refusal as TasksNotSubmittedError;
    expect([submitted.length, refused.map(({ task }) => task.text), retryable]).toEqual([5, ['5', '6', '7'], true]);
    expect(message).toContain('3 of 8 tasks');
    const consumer = await agent(bus, echo);
    await Promise.all(submitted.map((task) => client.waitFor(task)));
    await Promise.all((await client.submitAll(refused.map(({ task }) => task))).map((task) => client.waitFor(task)));
    await until(() => expect(consumer.results.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']));
  });

  test('are all refused when one of them is no task', async () => {
    const bus = buses[kind]()();
    const client = openClient(bus);
    await expect(client.submitAll([{ messageId: 'm', domain: 'eng' }, { messageId: '', domain: 'eng' }])).rejects.toThrow(/messageId/);
    expect((await bus.inspect('tasks:eng')).length).toBe(0);
  });

  test('are in the outbox before the bus is asked, and until their outcome is known', async () => {
    const bus = buses[kind]()();
    const outbox = await TaskOutbox.open({ journal: new InMemoryJournal({ clock, createId }) });
    const client = openClient(bus, { outbox });
    const tasks = ['a', 'b', 'a'].map((taskId, index) => ({ taskId, messageId: `m${index}`, text: String(index), domain: 'eng' }));
    const submitted = await client.submitAll(tasks);
    expect(submitted[2]).toEqual(submitted[0]); // the first stands
    expect(outbox.open().map(({ taskId, msgId }) => [taskId, msgId])).toEqual(submitted.slice(0, 2).map(({ taskId, msgId }) => [taskId, msgId]));
    await agent(bus, echo);
    expect((await Promise.all(submitted.map((task) => client.waitFor(task)))).map(({ responseText }) => responseText)).toEqual(['echo: 0', 'echo: 1', 'echo: 0']);
    expect(outbox.open()).toEqual([]);
  });
});
