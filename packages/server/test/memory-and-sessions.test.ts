import { CortexError } from '@cortex-runtime/core';
import { createOrchestrationClient } from '@cortex-runtime/orchestration-client';
import { describe, expect, it } from 'vitest';

import type { ServedMemory, ServedSessions } from '../src/index.ts';
import { serve, token } from './serve.ts';

class CodedError extends CortexError {
  readonly code: string;

  constructor(code: string) {
    super(`it is ${code}`);
    this.code = code;
  }
}

const at = '2026-01-01T00:00:00.000Z';
const proposal = { proposal_id: 'p-1', status: 'pending', category: 'people', name: 'anna', mode: 'create', content: 'Prefers tea.', provenance: { agent: 'forge', run_id: 'run-1' }, based_on_version: 0, proposed_at: at };
const entry = { category: 'people', name: 'anna', version: 1, created_at: at, updated_at: at, provenance: { agent: 'forge', accepted_by: 'ann' } };
const session = { session_id: 's-1', channel: 'slack', domain: 'eng', thread_id: 'T/17', state: 'active', participants: ['u1'], message_count: 1, created_at: at, last_activity_at: at };
const message = { seq: 1, message_id: 'm-1', sender: 'Anna', sender_id: 'u1', is_bot: false, text: 'hi', sent_at: at };

function open() {
  const asked: unknown[] = [];
  const decide = (verb: string, status: string) => async (proposalId: string, options: { by: string }) => {
    asked.push([verb, proposalId, options]);
    if (proposalId !== 'p-1') throw new CodedError('MEMORY_PROPOSAL_NOT_FOUND');
    if (options.by === 'too late') throw new CodedError('MEMORY_PROPOSAL');
    return { ...proposal, status, decided_by: options.by };
  };
  const memory: ServedMemory = {
    proposals: async () => [proposal],
    accept: decide('accept', 'accepted'),
    reject: decide('reject', 'rejected'),
    list: async (category) => (asked.push(['list', category]), [entry]),
    async read(category, name) {
      asked.push(['read', category, name]);
      if (name !== 'anna') throw new CodedError('MEMORY_FILE_NOT_FOUND');
      return { ...entry, content: 'Prefers tea.' };
    },
  };
  const sessions: ServedSessions = {
    list: async (query) => (asked.push(['sessions', query]), [session]),
    async transcript(sessionId, query) {
      asked.push(['transcript', sessionId, query]);
      if (sessionId !== 's/1') throw new CodedError('SESSION_NOT_FOUND');
      return { session, messages: [message] };
    },
  };
  return { memory, sessions, asked };
}

async function serveAll() {
  const { memory, sessions, asked } = open();
  const { url, call } = await serve({ memory, sessions });
  return { client: createOrchestrationClient({ baseUrl: url, token }), call, asked };
}

describe('what agents remember, through the client', () => {
  it('is listed, read and decided', async () => {
    const { client, asked } = await serveAll();
    expect(await client.listMemoryProposals()).toMatchObject([{ proposalId: 'p-1', status: 'pending', provenance: { agent: 'forge', runId: 'run-1' }, basedOnVersion: 0 }]);
    expect(await client.acceptMemoryProposal('p-1')).toMatchObject({ status: 'accepted', decidedBy: 'operator' });
    expect(await client.rejectMemoryProposal('p-1', { by: 'ann', reason: 'not true' })).toMatchObject({ status: 'rejected', decidedBy: 'ann' });
    expect(await client.listMemory('people')).toMatchObject([{ name: 'anna', version: 1 }]);
    expect(await client.readMemory('people', 'anna')).toMatchObject({ content: 'Prefers tea.', provenance: { acceptedBy: 'ann' } });
    expect(asked).toEqual([['accept', 'p-1', { by: 'operator' }], ['reject', 'p-1', { by: 'ann', reason: 'not true' }], ['list', 'people'], ['read', 'people', 'anna']]);
  });

  it('answers 404 for what is not there, 409 for what was decided, 422 for a body that is none', async () => {
    const { client, call } = await serveAll();
    await expect(client.acceptMemoryProposal('../p')).rejects.toMatchObject({ status: 404, code: 'MEMORY_PROPOSAL_NOT_FOUND' });
    await expect(client.readMemory('people', 'bob')).rejects.toMatchObject({ status: 404, code: 'MEMORY_FILE_NOT_FOUND' });
    await expect(client.rejectMemoryProposal('p-1', { by: 'too late' })).rejects.toMatchObject({ status: 409, code: 'MEMORY_PROPOSAL' });
    expect(await call('POST', '/api/v1/memory/proposals/p-1/accept', { body: { reason: 'x' } })).toMatchObject({ status: 422, body: { error: { code: 'DOCUMENT_INVALID' } } });
  });
});

describe('conversations, through the client', () => {
  it('are listed and read', async () => {
    const { client, asked } = await serveAll();
    expect(await client.listSessions({ state: 'active', limit: 5 })).toMatchObject([{ sessionId: 's-1', threadId: 'T/17', messageCount: 1 }]);
    expect(await client.getTranscript('s/1', { afterSeq: 3 })).toMatchObject({ session: { channel: 'slack' }, messages: [{ messageId: 'm-1', isBot: false, text: 'hi' }] });
    await expect(client.getTranscript('nothing')).rejects.toMatchObject({ status: 404, code: 'SESSION_NOT_FOUND' });
    expect(asked).toEqual([['sessions', { state: 'active', limit: 5 }], ['transcript', 's/1', { afterSeq: 3, limit: 100 }], ['transcript', 'nothing', { afterSeq: 0, limit: 100 }]]);
  });

  it('refuse a query that makes no sense, and whoever has no token', async () => {
    const { call } = await serveAll();
    expect((await call('GET', '/api/v1/runtime/sessions?limit=0')).status).toBe(422);
    for (const path of ['/api/v1/runtime/sessions', '/api/v1/memory/proposals', '/api/v1/memory/people/anna']) expect((await call('GET', path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });
});

it('has nothing of either where the host has neither', async () => {
  const { call } = await serve();
  for (const path of ['/api/v1/runtime/sessions', '/api/v1/memory/proposals', '/api/v1/memory/people']) expect((await call('GET', path)).status).toBe(404);
});
