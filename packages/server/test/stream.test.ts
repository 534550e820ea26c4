import { describe, expect, it } from 'vitest';

import { createOrchestrationClient, readServerSentEvents } from '@cortex-runtime/orchestration-client';

import { serve, token } from './serve.ts';

const headers = { authorization: `Bearer ${token}` };

async function openStream(url: string, lastEventId?: string) {
  const abort = new AbortController();
  const response = await fetch(`${url}/api/v1/processes/watcher/stream`, { headers: { ...headers, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }, signal: abort.signal });
  const events = readServerSentEvents(response.body as unknown as AsyncIterable<Uint8Array>);
  return { response, next: async () => (await events.next()).value, close: () => abort.abort() };
}

describe('the stream of an agent', () => {
  it('shows what an agent says, one event each, whatever is in it', async () => {
    const { url, runtime } = await serve();
    const client = createOrchestrationClient({ baseUrl: url, token });
    const abort = new AbortController();
    const stream = client.stream('watcher', { signal: abort.signal });
    const first = stream.next();
    await expect.poll(() => runtime.getProcess('watcher').listenerCount).toBe(1);
    // S11
    runtime.getProcess('watcher').say('line one\n\nevent: forged\ndata: {"x":1}\n\n\u0007');
    runtime.getProcess('watcher').say('two');
    expect((await first).value).toEqual({ process: 'watcher', runId: 'run-1', eventId: 'e', kind: 'output', data: 'line one\n\nevent: forged\ndata: {"x":1}\n\n\u0007' });
    expect((await stream.next()).value).toMatchObject({ data: 'two' });
    abort.abort();
    await stream.next().catch(() => undefined);
  });

  // A6
  it('goes on after Last-Event-ID without gap or double', async () => {
    const { url, runtime } = await serve();
    const first = await openStream(url);
    const watcher = runtime.getProcess('watcher');
    await expect.poll(() => watcher.listenerCount).toBe(1);
    watcher.say('1');
    const seen = await first.next();
    first.close();
    watcher.say('2');
    watcher.say('3');
    const second = await openStream(url, seen?.id);
    expect([JSON.parse((await second.next())?.data ?? '{}'), JSON.parse((await second.next())?.data ?? '{}')]).toMatchObject([{ data: '2' }, { data: '3' }]);
    watcher.say('4');
    expect(JSON.parse((await second.next())?.data ?? '{}')).toMatchObject({ data: '4' });
    second.close();
  });

  it('announces a gap when the id is of another host, or older than what is kept', async () => {
    const { url, runtime } = await serve({ options: { keptUpdates: 2 } });
    const watcher = runtime.getProcess('watcher');
    const first = await openStream(url);
    await expect.poll(() => watcher.listenerCount).toBe(1);
    watcher.say('1');
    const seen = await first.next();
    for (const text of ['2', '3', '4']) watcher.say(text);
    for (const id of [seen?.id, 'deadbeef-1', 'nonsense']) {
      const later = await openStream(url, id);
      expect((await later.next())?.event).toBe('gap');
      expect(JSON.parse((await later.next())?.data ?? '{}')).toMatchObject({ data: '3' });
      later.close();
    }
    first.close();
  });

  // A5
  it('cuts off a client that does not read, and keeps serving the others', async () => {
    const { url, runtime } = await serve({ options: { maxStreamBufferBytes: 64 * 1024 } });
    const watcher = runtime.getProcess('watcher');
    const dead = await fetch(`${url}/api/v1/processes/watcher/stream`, { headers });
    await expect.poll(() => watcher.listenerCount).toBe(1);
    for (let index = 0; index < 400; index += 1) watcher.say('x'.repeat(64 * 1024));
    await expect(dead.text()).rejects.toThrow();
    const alive = await openStream(url);
    watcher.say('still here');
    expect(JSON.parse((await alive.next())?.data ?? '{}')).toMatchObject({ data: 'still here' });
    alive.close();
  });

  it('ends its streams when the server closes', async () => {
    const { url, server, runtime } = await serve();
    const open = await openStream(url);
    await expect.poll(() => runtime.getProcess('watcher').listenerCount).toBe(1);
    await server.close();
    expect(await open.next()).toBeUndefined();
    expect(runtime.getProcess('watcher').listenerCount).toBe(0);
  });
});
