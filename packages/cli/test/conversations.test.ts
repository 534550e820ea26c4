import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import { startFakeModelServer } from '@cortex-runtime/testing/fake-model-server';
import { describe, expect, it, onTestFinished } from 'vitest';

import { deadline, workshop } from './cortex.ts';

const clerk = (model: string, more = '') => `name: clerk\nmodel: ${model}\ninstructions: Answer.\n${more}`;
const said = (text: string, thread = 'T-17') => ({ triggerType: 'chat', eventId: `event-${text}`, payload: { session: { channel: 'slack', domain: 'eng', thread_id: thread, sender: 'Anna', sender_id: 'u1', text } } });

/** What was said in the one conversation of a host. */
async function turns(client: OrchestrationClient): Promise<string[]> {
  const sessions = await client.listSessions();
  expect(sessions.length).toBeLessThanOrEqual(1);
  const [session] = sessions;
  if (session === undefined) return [];
  return (await client.getTranscript(session.sessionId, { limit: 1_000 })).messages.map(({ isBot, senderId, text }) => `${isBot ? 'agent ' : ''}${senderId}: ${text.split('\n')[0] ?? ''}`);
}

const runs = (client: OrchestrationClient) => client.getProcess('clerk').then(({ invocationCount }) => invocationCount);

describe('a host that is killed in the middle of a conversation', () => {
  it('goes on where it was: no turn is lost, and none is there twice', async () => {
    const shop = workshop();
    shop.write('agents/clerk.agent', clerk('scripted:clerk.yaml'));
    shop.write('agents/clerk.yaml', 'fallback: { text: "On Tuesday.", delay: 2 }\n');
    const first = await shop.start();
    await first.client.inject('clerk', said('When do we release?'));
    // The message is in the transcript; the model thinks.
    await expect.poll(() => turns(first.client), deadline).toEqual(['u1: When do we release?']);
    first.child.kill('SIGKILL');
    await first.finished;

    const second = await shop.start();
    await expect.poll(() => runs(second.client), deadline).toBe(1);
    expect(await turns(second.client)).toEqual(['u1: When do we release?', 'agent clerk: On Tuesday.']);
    expect((await second.client.getJournal('clerk', { type: 'invocation_start', limit: 500 })).entries.map(({ data }) => data['resumed'])).toEqual([undefined, 'interrupted']);
    expect((await shop.cortex(['verify'])).code).toBe(0);
  });

  it('again and again, with memory written on the way: every turn and every line is there once', async () => {
    const shop = workshop();
    shop.write('agents/clerk.agent', clerk('scripted:clerk.yaml', 'context: { memory_access: { write: [facts] } }\n'));
    shop.write('agents/clerk.yaml', `
rules:
  - when: { turn: 1 }
    respond: { tool_calls: [{ name: memory_write, arguments: { category: facts, name: log, content: "heard {{payload.session.text}}", mode: append } }] }
  - when: { after_tool: memory_write }
    respond: { text: "heard {{payload.session.text}}" }
`);
    const messages = Array.from({ length: 30 }, (_, index) => `word-${String(index).padStart(2, '0')}`);
    let running = await shop.start();
    // Each is sent until it is acknowledged, under the same id; the kills come while runs are at work.
    for (const [index, text] of messages.entries()) {
      await running.client.inject('clerk', said(text));
      if (index % 8 !== 7) continue;
      await expect.poll(() => runs(running.client), deadline).toBeGreaterThan(index - 6);
      running.child.kill('SIGKILL');
      await running.finished;
      running = await shop.start();
    }
    await expect.poll(() => runs(running.client), deadline).toBe(messages.length);
    const transcript = await turns(running.client);
    expect(transcript.filter((line) => line.startsWith('u1'))).toEqual(messages.map((text) => `u1: ${text}`));
    expect(transcript.filter((line) => line.startsWith('agent'))).toEqual(messages.map((text) => `agent clerk: heard ${text}`));
    expect((await running.client.readMemory('facts', 'log')).content.split('\n')).toEqual(messages.map((text) => `heard ${text}`));
    expect((await shop.cortex(['verify'])).code).toBe(0);
  });

  it('has what its agent remembered before, in a file and by meaning', async () => {
    const server = await startFakeModelServer({ respond: (call) => ({ text: `heard ${/"text": "([^"]*)"/.exec(call.messages.at(-1)?.content ?? '')?.[1] ?? ''}` }) });
    onTestFinished(() => server.close());
    const environment = { OPENAI_COMPATIBLE_BASE_URL: server.baseUrl };
    for (const provider of ['file', 'embedding']) {
      const shop = workshop();
      shop.write('agents/clerk.agent', clerk('openai-compatible:m', `memory: { provider: ${provider}, embedding_model: "openai-compatible:e", auto_store: true }\n`));
      const first = await shop.start([], environment);
      await first.client.inject('clerk', { payload: { text: 'the lamp was lost' } });
      await expect.poll(() => runs(first.client), deadline).toBe(1);
      first.child.kill('SIGKILL');
      await first.finished;
      const second = await shop.start([], environment);
      await second.client.inject('clerk', { payload: { text: 'where is the lamp?' } });
      await expect.poll(() => runs(second.client), deadline).toBe(2);
      const memory = server.calls.at(-1)?.messages.find(({ content }) => content.startsWith('[Memory]'))?.content ?? '';
      expect(memory.split('\n').filter((line) => line.startsWith('| '))).toEqual(['| heard the lamp was lost']);
      expect(readdirSync(join(shop.dataDirectory, 'memory'))).toEqual(provider === 'file' ? ['_memories'] : ['_memories', '_vectors']);
    }
  });
});

describe('cortex memory and cortex sessions', () => {
  const script = `
rules:
  - when: { user_contains: tea }
    respond: { tool_calls: [{ name: memory_propose, arguments: { category: people, name: "{{payload.session.sender_id}}", content: "{{payload.session.text}}" } }] }
  - when: { after_tool: any }
    respond: { text: "{{result}}" }
fallback: { text: hello }
`;

  it('show what waits for a person, take the decision by the beginning of an id, and keep who took it', async () => {
    const shop = workshop();
    shop.write('agents/clerk.agent', clerk('scripted:clerk.yaml', 'context: { memory_access: { propose: [people] } }\n'));
    shop.write('agents/clerk.yaml', script);
    const { client } = await shop.start();
    expect((await shop.cortex(['memory', 'proposals'])).out).toBe('nothing waits for you\n');
    await client.inject('clerk', said('I like tea\u001b[2J\nreally'));
    await client.inject('clerk', { ...said('coffee, not tea'), payload: { session: { ...said('coffee, not tea').payload.session, sender_id: 'u2' } } });
    await expect.poll(() => client.listMemoryProposals().then(({ length }) => length), deadline).toBe(2);

    const shown = await shop.cortex(['memory', 'proposals']);
    expect(shown.out).toContain('people/u1  create  by clerk, from message event-I like tea');
    expect(shown.out).toContain('  | I like tea\\u001b[2J\n  | really\n');
    const proposals = JSON.parse((await shop.cortex(['memory', 'proposals', '--json'])).out) as { proposal_id: string; name: string; provenance: object }[];
    expect(proposals).toMatchObject([{ name: 'u1', provenance: { agent: 'clerk' } }, { name: 'u2' }]);
    const [tea = '', coffee = ''] = proposals.map(({ proposal_id }) => proposal_id);
    expect(await shop.cortex(['memory', 'accept', tea.slice(0, 8), '--by', 'ann'])).toMatchObject({ code: 0, out: 'people/u1 is written, version 1\n' });
    expect(await shop.cortex(['memory', 'reject', coffee.slice(0, 8), '--reason', 'hearsay'])).toMatchObject({ code: 0, out: 'people/u2: rejected; nothing was written\n' });
    expect(await shop.cortex(['memory', 'accept', coffee])).toMatchObject({ code: 1, err: expect.stringMatching(/rejected already, by .*cortex memory reject/) as string });
    expect(await shop.cortex(['memory', 'accept', 'nothing'])).toMatchObject({ code: 1, err: expect.stringContaining('is not there') as string });

    expect((await shop.cortex(['memory', 'list', 'people'])).out).toMatch(/u1 +1 +\d{4}-.* +clerk/);
    const read = (await shop.cortex(['memory', 'read', 'people', 'u1'])).out.split('\n');
    expect(read[0]).toMatch(/^people\/u1 {2}version 1 of .* by clerk, in run .*, accepted by ann$/);
    expect(read.slice(1, 3)).toEqual(['I like tea\\u001b[2J', 'really']);
    expect(JSON.parse((await shop.cortex(['memory', 'read', 'people', 'u1', '--json'])).out)).toMatchObject({ content: 'I like tea\u001b[2J\nreally', provenance: { accepted_by: 'ann' } });
    expect(await shop.cortex(['memory', 'read', 'people', 'u2'])).toMatchObject({ code: 1, err: expect.stringContaining('there is no memory people/u2') as string });
    expect(await shop.cortex(['memory', 'list', 'secrets'])).toMatchObject({ code: 2, err: expect.stringContaining('must be one of people') as string });
    expect(await shop.cortex(['memory'])).toMatchObject({ code: 2, err: expect.stringContaining('say which command') as string });
    expect(await shop.cortex(['memory', 'acept', 'x'])).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean accept?') as string });
  });

  it('list conversations, and what was said in one', async () => {
    const shop = workshop();
    shop.write('agents/clerk.agent', clerk('scripted:clerk.yaml'));
    shop.write('agents/clerk.yaml', script);
    const { client } = await shop.start();
    expect((await shop.cortex(['sessions'])).out).toBe('there are no conversations\n');
    await client.inject('clerk', said('hello\u001b[2J there'));
    await expect.poll(() => turns(client), deadline).toHaveLength(2);
    expect((await shop.cortex(['sessions'])).out).toMatch(/slack +eng +T-17 +active +2/);
    const [session] = JSON.parse((await shop.cortex(['sessions', '--json'])).out) as { session_id: string }[];
    const lines = (await shop.cortex(['sessions', session?.session_id ?? ''])).out.split('\n');
    expect(lines[0]).toMatch(/ {2}1 {2}person Anna$/);
    expect(lines[1]).toBe('  hello\\u001b[2J there');
    expect(lines[2]).toMatch(/ {2}2 {2}agent clerk$/);
    expect(JSON.parse((await shop.cortex(['sessions', session?.session_id ?? '', '-n', '1', '--json'])).out)).toMatchObject({ messages: [{ seq: 2, is_bot: true }] });
    expect(await shop.cortex(['sessions', 'nothing'])).toMatchObject({ code: 1, err: expect.stringContaining('there is no session nothing') as string });
  });
});
