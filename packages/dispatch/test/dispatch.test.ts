import { describe, expect, it } from 'vitest';

import { agent, buses, conductor, echo, message, redisUrl } from './support/mesh.ts';

describe.each(['memory', 'Redis'] as const)('messages over %s', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  test('a message for a domain is answered by an agent of it, and its result comes back', async () => {
    const open = buses[kind]();
    await agent(open(), echo);
    const { dispatcher, client } = await conductor(open(), ['forge']);
    const dispatched = await dispatcher.dispatch(message('hello'));
    expect(dispatched).toMatchObject({ agent: 'forge', domain: 'eng', rule: 'domain', stream: 'tasks:eng', isDuplicate: false });
    if (dispatched === undefined) return;
    const result = await client.waitFor(dispatched);
    expect(result).toMatchObject({ taskId: dispatched.taskId, agent: 'forge', status: 'success', responseText: 'echo: hello', domain: 'eng', sender: 'Ann', text: 'hello', attempts: 1 });
    expect(await client.find(dispatched)).toEqual(result);
  });
});
