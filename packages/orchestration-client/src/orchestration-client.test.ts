import { describe, expect, it } from 'vitest';

import { InvalidInputError } from '@cortex-runtime/core';

import { createOrchestrationClient } from './orchestration-client.ts';

/** A host that answers everything the same way and remembers what it was asked. */
function hostThatAnswers(response: () => Response) {
  const asked: { url: string; init: RequestInit | undefined }[] = [];
  return { asked, fetch: (url: string, init?: RequestInit) => Promise.resolve((asked.push({ url, init }), response())) };
}

describe('createOrchestrationClient', () => {
  it('takes the base with or without the path of the API', () => {
    for (const baseUrl of ['http://h:1', 'http://h:1/', 'http://h:1/api/v1', 'http://h:1/api/v1/']) expect(createOrchestrationClient({ baseUrl }).baseUrl).toBe('http://h:1/api/v1');
    expect(createOrchestrationClient({ baseUrl: 'https://h/cortex' }).baseUrl).toBe('https://h/cortex/api/v1');
    expect(() => createOrchestrationClient({ baseUrl: 'h:1' })).toThrow(InvalidInputError);
    expect(() => createOrchestrationClient({ baseUrl: 'nonsense' })).toThrow('must be a URL');
  });

  it('encodes names and sends the token and the document form', async () => {
    const host = hostThatAnswers(() => Response.json({ status: 'accepted', event_id: 'e', process: 'a/b' }, { status: 202 }));
    const client = createOrchestrationClient({ baseUrl: 'http://h', token: 'secret', fetch: host.fetch });
    expect(await client.inject('a/b', { payload: { camelKey: 1 }, triggerType: 'test', eventId: 'e' })).toEqual({ status: 'accepted', eventId: 'e', process: 'a/b' });
    expect(host.asked[0]?.url).toBe('http://h/api/v1/processes/a%2Fb/events');
    expect(JSON.parse(host.asked[0]?.init?.body as string)).toEqual({ payload: { camelKey: 1 }, trigger_type: 'test', event_id: 'e' });
    expect((host.asked[0]?.init?.headers as Record<string, string>)['authorization']).toBe('Bearer secret');
  });

  it('keeps what a newer host adds to a status', async () => {
    const host = hostThatAnswers(() => Response.json({ name: 'a', process_id: 'a', state: 'running', moon_phase: 'full', uptime_seconds: 2 }));
    expect(await createOrchestrationClient({ baseUrl: 'http://h', fetch: host.fetch }).getProcess('a')).toMatchObject({ state: 'running', uptimeMs: 2_000, moon_phase: 'full' });
  });

  it.each([
    ['a JSON error', () => Response.json({ error: { code: 'PROCESS_NOT_FOUND', message: 'no such' } }, { status: 404 }), { code: 'PROCESS_NOT_FOUND', status: 404, message: 'no such', retryable: false }],
    ['a page of a proxy', () => new Response('<html>', { status: 502 }), { code: 'HTTP_502', status: 502, retryable: true }],
    ['something that is no JSON', () => new Response('hello'), { code: 'CONTRACT_BROKEN', status: 200 }],
    ['another contract', () => Response.json({ processes: 'many' }), { code: 'CONTRACT_BROKEN' }],
  ])('turns %s into an OrchestrationError', async (_what, answer, expected) => {
    const client = createOrchestrationClient({ baseUrl: 'http://h', fetch: hostThatAnswers(answer).fetch });
    await expect(client.listProcesses()).rejects.toMatchObject(expected);
  });
});

describe('an answer that breaks off', () => {
  const brokenOff = (error: Error) => new Response(new ReadableStream({ pull: (controller) => controller.error(error) }));

  it('is no answer, and worth another try', async () => {
    const client = createOrchestrationClient({ baseUrl: 'http://h', fetch: hostThatAnswers(() => brokenOff(new TypeError('terminated'))).fetch });
    await expect(client.listProcesses()).rejects.toMatchObject({ code: 'HOST_UNREACHABLE', status: 0, retryable: true, message: expect.stringContaining('terminated') as string });
  });

  it('because the caller ended it is what the caller said', async () => {
    const reason = new Error('enough');
    const client = createOrchestrationClient({ baseUrl: 'http://h', fetch: hostThatAnswers(() => brokenOff(reason)).fetch });
    await expect(client.listProcesses({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
