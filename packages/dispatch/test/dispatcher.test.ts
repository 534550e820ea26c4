import { InvalidInputError } from '@cortex-runtime/core';
import { InMemoryMemoryStore } from '@cortex-runtime/memory';
import { InMemorySessionStore, SessionManager } from '@cortex-runtime/session';
import { describe, expect, it } from 'vitest';

import { ContextRuntime, InMemoryResponseTracker, MessageConflictError, TaskDispatcher, type ChannelProvider, type ResponseTracker, type TaskContext } from '../src/index.ts';
import { agent, buses, clock, conductor, createId, echo, message, openClient, random, redisUrl, until } from './support/mesh.ts';

describe.each(['memory', 'Redis'] as const)('a conductor over %s', (kind) => {
  const test = it.skipIf(kind === 'Redis' && redisUrl === '');

  test('asks in order: a mention, the target of a direct message, the agent of the thread, then the domain', async () => {
    const open = buses[kind]();
    const { dispatcher, affinity, presence } = await conductor(open(), ['anvil', 'forge']);
    await presence.join({ name: 'Quill', domains: ['research'] });
    await affinity.setAgent('t', 'Quill');
    const route = async (more: Parameters<typeof message>[1], text = 'do it') => {
      const dispatched = await dispatcher.dispatch(message(text, more));
      return dispatched === undefined ? undefined : [dispatched.rule, dispatched.agent, dispatched.stream];
    };
    expect(await route({ threadId: 't', metadata: { domain: 'eng', mentions: ['nobody', 'forge'], dm_target: 'anvil' } })).toEqual(['mention', 'forge', 'tasks:agent:forge']);
    expect(await route({ threadId: 't', metadata: { domain: 'eng', mentions: ['nobody'], dm_target: 'anvil' } })).toEqual(['dm_target', 'anvil', 'tasks:agent:anvil']);
    expect(await route({ threadId: 't', metadata: { domain: 'eng' } })).toEqual(['thread', 'Quill', 'tasks:agent:Quill']);
    expect(await route({ threadId: 'other', metadata: { domain: ' ENG ' } })).toEqual(['domain', 'anvil', 'tasks:eng']);
    expect(await route({ threadId: 'other', priority: 'urgent' })).toEqual(['domain', 'anvil', 'tasks:eng:urgent']);
    expect(await route({ metadata: { domain: 'finance' } })).toBeUndefined();
    expect(await route({ metadata: {} })).toBeUndefined(); // the domain is then personal
  });

  // Weakness 36 (E36): "@forge" and "Forge" were not found.
  test('knows an agent by its mention as people write it', async () => {
    const { dispatcher, presence } = await conductor(buses[kind]()(), []);
    await presence.join({ name: 'Forge' });
    for (const text of ['@forge please', 'hey @FORGE, please', 'please (@Forge)', '@forge: please', '<@forge> please']) expect(await dispatcher.dispatch(message(text, { metadata: {} }))).toMatchObject({ rule: 'mention', agent: 'Forge' });
    for (const mention of ['@forge', 'Forge', ' forge ', '<@Forge>']) expect(await dispatcher.dispatch(message('x', { metadata: { mentions: [mention] } }))).toMatchObject({ agent: 'Forge', stream: 'tasks:agent:Forge' });
    for (const text of ['mail ann@forge.example', 'the forge', '@@', '@forger']) expect(await dispatcher.dispatch(message(text, { metadata: {} }))).toBeUndefined();
  });

  // Weakness 7 (E36): a failing emoji blocked the dispatch, and nothing was published.
  test.each(['throws', 'rejects', 'never ends'])('a channel whose every reaction %s keeps no message from its agent', async (how) => {
    const open = buses[kind]();
    const asked: string[] = [];
    const fail = (what: string): Promise<void> => {
      asked.push(what);
      if (how === 'throws') throw new Error('no emoji today');
      return how === 'rejects' ? Promise.reject(new Error('no emoji today')) : new Promise(() => {});
    };
    const channel: ChannelProvider = { name: 'test', send: async () => ({ messageId: 'sent' }), react: (_target, emoji) => fail(emoji), followThread: () => fail('follow') };
    const { dispatcher, client } = await conductor(open(), ['forge'], { channel });
    await agent(open(), echo);
    const dispatched = await dispatcher.dispatch(message('hi', { threadId: 't' }));
    expect(await client.waitFor(dispatched ?? never())).toMatchObject({ status: 'success', responseText: 'echo: hi' });
    expect(asked[0]).toBe('eyes');
  });

  test('an agent that is away is sent its work all the same, and one of a domain that is there comes first', async () => {
    const { dispatcher, presence, registry } = await conductor(buses[kind]()(), ['anvil', 'forge']);
    await presence.leave('anvil');
    expect(await registry.get('anvil')).toMatchObject({ isPresent: false });
    expect(await dispatcher.dispatch(message('@anvil later'))).toMatchObject({ agent: 'anvil' });
    expect(await dispatcher.dispatch(message('now'))).toMatchObject({ agent: 'forge', rule: 'domain' });
  });

  // Weakness 13: a message dispatched twice became two tasks.
  test('a message is dispatched once, however often and by whomever', async () => {
    const open = buses[kind]();
    const tracker = new InMemoryResponseTracker({ clock });
    const { dispatcher, registry } = await conductor(open(), ['forge'], { responseTracker: tracker });
    const other = new TaskDispatcher({ client: openClient(open()), clock, random, registry, responseTracker: tracker });
    const asked = message('pay the bill');
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? dispatcher : other).dispatch(asked)));
    expect(new Set(results.map((result) => result?.taskId)).size).toBe(1);
    expect(new Set(results.map((result) => result?.msgId)).size).toBe(1);
    expect(results.filter((result) => result?.isDuplicate === false)).toHaveLength(1);
    expect((await open().inspect('tasks:eng')).length).toBe(1);
    await expect(dispatcher.dispatch({ ...asked, text: 'pay it twice' })).rejects.toBeInstanceOf(MessageConflictError);
    expect((await open().inspect('tasks:eng')).length).toBe(1);
  });

  // Weakness 13: the claim came after the publish. Here it is before it, so a conductor that dies in between must lose nothing.
  test('a message that was claimed by a conductor that died is dispatched by whoever gets it again', async () => {
    const open = buses[kind]();
    const tracker = new InMemoryResponseTracker({ clock });
    const { dispatcher, registry } = await conductor(open(), ['forge'], { responseTracker: dyingAfterClaim(tracker) });
    const asked = message('pay the bill');
    await expect(dispatcher.dispatch(asked)).rejects.toThrow('killed');
    expect((await open().inspect('tasks:eng')).length).toBe(0);
    const heir = new TaskDispatcher({ client: openClient(open()), clock, random, registry, responseTracker: tracker });
    const dispatched = await heir.dispatch(asked);
    expect(dispatched).toMatchObject({ rule: 'claim', isDuplicate: true, stream: 'tasks:eng' });
    expect((await open().inspect('tasks:eng')).length).toBe(1);
  });

  // Weakness 24 (E36): the domain "agent:forge" reached an agent's private stream.
  test('a domain can not name the stream of an agent', async () => {
    const { dispatcher, presence } = await conductor(buses[kind]()(), []);
    await presence.join({ name: 'x', domains: ['eng'], primaryFor: ['eng'] });
    for (const domain of ['agent:x', 'agent', 'a b', 'eng:urgent']) {
      const refused = await dispatcher.dispatch(message('hi', { metadata: { domain } })).catch((error: unknown) => error);
      expect([undefined, 'INVALID_INPUT']).toContain((refused as { code?: string } | undefined)?.code);
    }
    await expect(dispatcher.dispatch(message('hi', { metadata: { domain: 7 } }))).rejects.toBeInstanceOf(InvalidInputError);
  });

  // Weakness 28 (E36): what a caller said of itself won over what the runtime knew.
  test('what the runtime knows of a message is not overridden by what the message says', async () => {
    const open = buses[kind]();
    const seen: TaskContext[] = [];
    await agent(open(), async function* (_prompt, { context }) {
      seen.push(context);
      yield { kind: 'output', data: 'ok' };
    });
    const { dispatcher, client } = await conductor(open(), ['forge']);
    const dispatched = await dispatcher.dispatch(message('hi', { metadata: { domain: 'eng', source: 'root', sender_id: 'admin', channel: 'secret', colour: 'red' } }));
    await client.waitFor(dispatched ?? never());
    expect(seen[0]?.metadata).toMatchObject({ source: 'test', channel: 'test', sender_id: 'u1', colour: 'red' });
    expect(seen[0]?.senderId).toBe('u1');
  });

  test('a thread stays with the agent that answered in it', async () => {
    const open = buses[kind]();
    const { dispatcher, client, affinity } = await conductor(open(), ['anvil', 'forge']);
    await agent(open(), echo, { identity: 'forge' }, { threadAffinity: affinity });
    await client.waitFor((await dispatcher.dispatch(message('@forge begin', { threadId: 'T' }))) ?? never());
    await until(async () => expect(await affinity.getAgent('T')).toBe('forge'));
    expect(await dispatcher.dispatch(message('go on', { threadId: 'T' }))).toMatchObject({ rule: 'thread', agent: 'forge' });
  });

  test('agents know what was said before, by whom, and what they said themselves', async () => {
    const open = buses[kind]();
    const sessions = new SessionManager({ store: new InMemorySessionStore(), clock, random, createId });
    const contextRuntime = new ContextRuntime({ sessions });
    const prompts: string[] = [];
    await agent(open(), async function* (prompt, { context }) {
      prompts.push(prompt);
      yield { kind: 'output', data: `answer ${prompts.length} (${String(context.usedSessionContext)})` };
    }, {}, { contextRuntime });
    const { dispatcher, client } = await conductor(open(), ['forge'], { contextRuntime });
    const results = [];
    for (const [text, sender] of [['When is the release?', 'Ann'], ['And who decides?', 'Bob']] as const) {
      results.push(await client.waitFor((await dispatcher.dispatch(message(text, { threadId: 'T', sender, senderId: sender.toLowerCase() }))) ?? never()));
    }
    expect(prompts[1]).toContain('When is the release?');
    expect(prompts[1]).toContain('answer 1 (true)');
    expect(prompts[1]?.trim().endsWith('And who decides?')).toBe(true);
    const [session] = await sessions.list();
    expect(session).toMatchObject({ channel: 'test', domain: 'eng', threadId: 'T', messageCount: 4, turnCount: 2, participants: ['ann', 'forge', 'bob'] });
    expect(results[1]?.contextVersion).toBeGreaterThan(results[0]?.contextVersion ?? 0);
    expect(results[1]).toMatchObject({ sessionId: session?.sessionId });
  });

  // Weakness 32: what is remembered about a domain never reached the prompt, and what had been read once stayed as it was.
  test('agents know what is remembered about the domain of a message, as it is now', async () => {
    const open = buses[kind]();
    const memory = new InMemoryMemoryStore({ clock });
    const contextRuntime = new ContextRuntime({ sessions: new SessionManager({ store: new InMemorySessionStore(), clock, random, createId, memory }) });
    const prompts: string[] = [];
    await agent(open(), async function* (prompt) {
      prompts.push(prompt);
      yield { kind: 'output', data: 'ok' };
    }, {}, { contextRuntime });
    const { dispatcher, client } = await conductor(open(), ['forge'], { contextRuntime });
    const ask = async (text: string) => client.waitFor((await dispatcher.dispatch(message(text, { threadId: 'T' }))) ?? never());
    await memory.write('context', 'eng', 'Releases are on Tuesdays.');
    await memory.write('skills', 'eng', 'Rebase before you push.');
    await memory.write('context', 'finance', 'The bank is shut.');
    await ask('When is the release?');
    await memory.write('context', 'eng', 'Releases are on Fridays.');
    await ask('And now?');
    await memory.delete('context', 'eng');
    await ask('And now?');
    const told = prompts.map((prompt) => ['Tuesdays', 'Fridays', 'Rebase before', 'The bank'].filter((text) => prompt.includes(text)));
    expect(told).toEqual([['Tuesdays', 'Rebase before'], ['Fridays', 'Rebase before'], ['Rebase before']]);
  });

  // Weakness 31 (E33): what was said before came into the session with each message until the first answer.
  test('what was said before a session began is in it once, however many messages tell it', async () => {
    const open = buses[kind]();
    const sessions = new SessionManager({ store: new InMemorySessionStore(), clock, random, createId });
    const { dispatcher } = await conductor(open(), ['forge'], { contextRuntime: new ContextRuntime({ sessions }) });
    const before = [{ sender: 'Bob', sender_id: 'u2', text: 'one' }, { sender: 'Bob', sender_id: 'u2', text: 'two' }];
    const told: Record<string, string>[] = [...before];
    for (const text of ['three', 'four', 'five']) {
      told.push({ sender: 'Ann', sender_id: 'u1', text });
      await dispatcher.dispatch(message(text, { threadId: 'T', metadata: { domain: 'eng', thread_context: told } }));
    }
    const [session] = await sessions.list();
    expect((await sessions.transcript(session?.sessionId ?? '')).map(({ text }) => text)).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  test('sessions that are not available cost the context, not the answer', async () => {
    const open = buses[kind]();
    const store = new InMemorySessionStore();
    const contextRuntime = new ContextRuntime({ sessions: new SessionManager({ store, clock, random, createId }) });
    await agent(open(), echo, {}, { contextRuntime });
    const { dispatcher, client } = await conductor(open(), ['forge'], { contextRuntime });
    const dispatched = await dispatcher.dispatch(message('before'));
    await client.waitFor(dispatched ?? never());
    await store.close();
    expect(await client.waitFor((await dispatcher.dispatch(message('after'))) ?? never())).toMatchObject({ status: 'success', responseText: 'echo: after' });
  });

  test('a message can be taken back by its id', async () => {
    const open = buses[kind]();
    await open().createGroup('tasks:eng', 'cortex-agents');
    const { dispatcher, client } = await conductor(open(), ['forge']);
    const asked = message('never mind');
    const dispatched = (await dispatcher.dispatch(asked)) ?? never();
    expect(await dispatcher.cancel(asked.id, { by: 'Ann' })).toBe(true);
    expect(await client.find(dispatched)).toMatchObject({ errorCode: 'DISPATCH_CANCELLED' });
    expect(await dispatcher.cancel(asked.id)).toBe(false);
    expect(await dispatcher.cancel('unknown')).toBe(false);
  });

  test('refuses a message that makes no sense, naming the field', async () => {
    const { dispatcher } = await conductor(buses[kind]()(), ['forge']);
    for (const [field, value] of [['id', ''], ['channel', ''], ['roomId', 'x'.repeat(500)], ['senderId', undefined], ['text', 7]] as const) {
      const refused = await dispatcher.dispatch({ ...message('x'), [field]: value } as never).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'INVALID_INPUT', field: `message.${field}` });
    }
  });
});

function dyingAfterClaim(tracker: ResponseTracker): ResponseTracker {
  return {
    find: (messageId) => tracker.find(messageId),
    markResponded: (messageId, status, options) => tracker.markResponded(messageId, status, options),
    async claim(messageId, claim) {
      await tracker.claim(messageId, claim);
      throw new Error('killed');
    },
  };
}

function never(): never {
  throw new Error('there is no agent for the message');
}
