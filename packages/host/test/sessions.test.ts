import { randomUUID } from 'node:crypto';

import { startFakeModelServer } from '@cortex-runtime/models/testing/fake-model-server';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { answerScript, quietAgent, workshop } from './running-host.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
  }
}

const wait = { timeout: 20_000, interval: 20 };
type Running = Awaited<ReturnType<ReturnType<typeof workshop>['start']>>;

const said = (text: string, more: object = {}) => ({ triggerType: 'chat', payload: { session: { channel: 'slack', domain: 'eng', thread_id: 'T-17', sender: 'Anna', sender_id: 'u1', text, ...more } } });

/** The texts of the newest session that a host knows, with who wrote them. */
async function transcript({ client }: Running): Promise<string[]> {
  const [session] = await client.listSessions();
  if (session === undefined) return [];
  const { messages } = await client.getTranscript(session.sessionId, { limit: 1_000 });
  return messages.map(({ isBot, senderId, text }) => `${isBot ? 'agent ' : ''}${senderId}: ${text.split('\n')[0] ?? ''}`);
}

function office(...names: string[]) {
  const shop = workshop();
  shop.write('agents/answer.yaml', answerScript);
  for (const name of names) shop.write(`agents/${name}.agent`, quietAgent(name, 'config: { concurrency: 4 }\n'));
  return shop;
}

describe('conversations of a host', () => {
  it('are there for the next host, with who said what', async () => {
    const shop = office('forge');
    const first = await shop.start();
    await first.client.inject('forge', said('hello'));
    await expect.poll(() => transcript(first), wait).toEqual(['u1: hello', 'agent forge: seen']);
    await first.host.stop('restart');
    const second = await shop.start();
    expect(await transcript(second)).toEqual(['u1: hello', 'agent forge: seen']);
    await second.client.inject('forge', said('still there?'));
    await expect.poll(() => transcript(second), wait).toHaveLength(4);
    expect(await second.client.listSessions()).toMatchObject([{ channel: 'slack', domain: 'eng', threadId: 'T-17', state: 'active', participants: ['u1', 'forge'], messageCount: 4 }]);
  });

  it.for([
    ['Redis', { CORTEX_SESSION_BACKEND: 'redis', CORTEX_REDIS_URL: inject('redisUrl') }],
    ['PostgreSQL', { CORTEX_SESSION_BACKEND: 'postgres', CORTEX_DATABASE_URL: inject('postgresUrl') }],
  ] as [string, Record<string, string>][])('in %s are shared by hosts, and no turn is lost or doubled', async ([, backend], { skip }) => {
    skip(Object.values(backend).includes(''), 'no server');
    const environment = { ...backend, CORTEX_ORG_ID: `org-${randomUUID().slice(0, 8)}` };
    const [one, other] = await Promise.all([office('forge').start({ environment }), office('quill').start({ environment })]);
    const turns = 10;
    for (let turn = 0; turn < turns; turn += 1) await Promise.all([one.client.inject('forge', said(`f${turn}`)), other.client.inject('quill', said(`q${turn}`))]);
    await expect.poll(() => transcript(one).then(({ length }) => length), wait).toBe(4 * turns);
    const lines = await transcript(one);
    expect(await transcript(other)).toEqual(lines);
    const expected = Array.from({ length: turns }, (__, turn) => [`u1: f${turn}`, `u1: q${turn}`]).flat();
    expect(lines.filter((line) => line.startsWith('u1')).toSorted()).toEqual(expected.toSorted());
    for (const name of ['forge', 'quill']) expect(lines.filter((line) => line === `agent ${name}: seen`)).toHaveLength(turns);
  });

  it('are marked idle when they are silent', async () => {
    const running = await office('forge').start({ environment: { CORTEX_SESSION_IDLE_AFTER: '1s' } });
    await running.client.inject('forge', said('hello'));
    await expect.poll(() => running.client.listSessions().then(([session]) => session?.state), wait).toBe('idle');
    await running.client.inject('forge', said('again'));
    await expect.poll(() => running.client.listSessions({ state: 'active' }).then(({ length }) => length), wait).toBe(1);
  });

  it('are summed up by the model of the agent once they are long enough', async () => {
    const server = await startFakeModelServer({ respond: (call) => ({ text: call.messages[0]?.content.startsWith('Sum up') === true ? 'They said hello.' : 'hello' }) });
    onTestFinished(() => server.close());
    const shop = workshop();
    shop.write('agents/forge.agent', 'name: forge\nmodel: openai-compatible:m\ninstructions: Answer.\n');
    const environment = { OPENAI_COMPATIBLE_BASE_URL: server.baseUrl, CORTEX_SESSION_HOT_WINDOW: '2', CORTEX_SESSION_SUMMARY_AFTER: '4' };
    const running = await shop.start({ environment });
    for (const turn of [1, 2, 3, 4]) {
      await running.client.inject('forge', said(`hello ${turn}`));
      await expect.poll(() => running.client.getProcess('forge').then(({ invocationCount }) => invocationCount), wait).toBe(turn);
    }
    const told = server.calls.at(-1)?.messages.map(({ content }) => content).join('\n') ?? '';
    expect(told).toContain('[summary of messages 1 to 4, made by a model]\n| They said hello.');
    expect(server.calls.filter(({ messages }) => messages[0]?.content.startsWith('Sum up') === true)).toHaveLength(1);
  });

  it('refuse an event that says too little, and tell its sender what', async () => {
    const { client } = await office('forge').start();
    await expect(client.inject('forge', said('x', { domain: 'marketing' }))).rejects.toMatchObject({ status: 422, code: 'DOCUMENT_INVALID', message: expect.stringContaining('domain') as string });
    expect((await client.getJournal('forge', { type: 'trigger_event' })).entries).toEqual([]);
  });
});
