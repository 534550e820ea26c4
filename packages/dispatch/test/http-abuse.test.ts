import { request } from 'node:http';

import { describe, expect, it } from 'vitest';

import type { ChannelMessage } from '../src/index.ts';
import type { HttpChannelOptions } from '../src/node/index.ts';
import { call, eventsRequest, openHttp, rawConnection, token } from './support/http.ts';
import { heldBytes } from './support/held-bytes.ts';
import { until } from './support/mesh.ts';

async function openListened(options: HttpChannelOptions = {}) {
  const opened = await openHttp(options);
  const messages: ChannelMessage[] = [];
  await opened.channel.listen(async (message) => messages.push(message));
  return { ...opened, messages };
}

/** As a browser or an attacker would: `fetch` does not let us choose Host and Origin. */
function ask(port: number, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once('error', reject).end();
  });
}

describe('who may use an HTTP channel', () => {
  it('needs the token for everything but health, known or not', async () => {
    const { url, messages } = await openListened();
    for (const [method, path] of [['POST', '/rooms/lobby/messages'], ['GET', '/rooms/lobby/events'], ['GET', '/nothing'], ['GET', '/']] as const) {
      for (const authorization of ['', 'Bearer wrong-token-that-is-long', `Basic ${token}`, `Bearer ${token}x`, 'Bearer']) {
        const answered = await call(url, method, path, { headers: { authorization } });
        expect(answered).toMatchObject({ status: 401, body: { error: { code: 'UNAUTHORIZED' } } });
        expect(answered.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(messages).toEqual([]);
  });

  it('is everybody on this machine where that was chosen, and no page of another origin', async () => {
    const { url, port, messages } = await openListened({ token: undefined, allowUnauthenticated: true } as HttpChannelOptions);
    const response = await fetch(`${url}/rooms/lobby/messages`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"hello","sender_id":"u1"}' });
    expect([response.status, messages.length]).toEqual([202, 1]);
    expect(await ask(port, '/rooms/lobby/events', { host: 'localhost', origin: 'https://evil.example' })).toBe(403);
  });

  it('asks for a name of this machine, and for no page of another one', async () => {
    const { port } = await openListened({ allowedHosts: ['Tunnel.example'] });
    for (const host of ['localhost:80', '127.0.0.1', '[::1]:9', 'tunnel.example', 'app.localhost']) expect([host, await ask(port, '/health', { host })]).toEqual([host, 200]);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example']) expect([host, await ask(port, '/health', { host })]).toEqual([host, 421]);
    for (const origin of ['https://evil.example', 'null', 'file://', 'http://localhost.evil.example']) expect([origin, await ask(port, '/health', { host: 'localhost', origin })]).toEqual([origin, 403]);
    expect(await ask(port, '/health', { host: 'localhost', origin: 'https://tunnel.example' })).toBe(200);
  });
});

describe('a request that makes no sense', () => {
  const good = { text: 'hello', sender_id: 'u1' };

  it.each([
    [{}, ['text', 'sender_id']],
    [{ ...good, text: 7 }, ['text']],
    [{ ...good, text: ' \n' }, ['text']],
    [{ ...good, text: 'half \ud800' }, ['text']],
    [{ ...good, sender_id: '' }, ['sender_id']],
    [{ ...good, sender_id: 'x'.repeat(401) }, ['sender_id']],
    [{ ...good, sender_id: 'a\nb' }, ['sender_id']],
    [{ ...good, message_id: null }, ['message_id']],
    [{ ...good, thread_id: { a: 1 } }, ['thread_id']],
    [{ ...good, mentions: 'forge' }, ['mentions']],
    [{ ...good, mentions: ['forge', 1] }, ['mentions[1]']],
    [{ ...good, mentions: Array.from({ length: 51 }, () => 'x') }, ['mentions']],
    [{ ...good, priority: 'soon' }, ['priority']],
    [{ ...good, attachments: [[]] }, ['attachments[0]']],
    [{ ...good, attachments: [JSON.parse('{"a":' + '['.repeat(100) + ']'.repeat(100) + '}')] }, ['attachments[0]']],
    [{ ...good, senderId: 'u1' }, ['senderId']],
    [{ ...good, metadata: { source: 'forged' } }, ['metadata']],
    ['text', ['(document)']],
    [[good], ['(document)']],
    [null, ['(document)']],
  ])('is refused with 422, and the fields are named: %j', async (body, fields) => {
    const { post, messages } = await openListened();
    const answered = await post(body);
    expect(answered).toMatchObject({ status: 422, body: { error: { code: 'DOCUMENT_INVALID', fields } } });
    for (const field of fields) expect(answered.body.error?.message).toContain(field);
    expect(messages).toEqual([]);
  });

  it.each([
    ['no JSON', '{"text":', 400, 'INVALID_JSON', {}],
    ['nothing', '', 400, 'INVALID_JSON', {}],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400, 'INVALID_JSON', {}],
    ['a form', 'text=hello&sender_id=u1', 415, 'UNSUPPORTED_MEDIA_TYPE', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a text', JSON.stringify(good), 415, 'UNSUPPORTED_MEDIA_TYPE', { 'content-type': 'text/plain' }],
    ['another character set', JSON.stringify(good), 415, 'UNSUPPORTED_MEDIA_TYPE', { 'content-type': 'application/json; charset=utf-16' }],
    ['something compressed', JSON.stringify(good), 415, 'UNSUPPORTED_MEDIA_TYPE', { 'content-encoding': 'gzip' }],
    ['too much', JSON.stringify({ ...good, text: 'x'.repeat(2_000_000) }), 413, 'BODY_TOO_LARGE', {}],
  ] as [string, string | Uint8Array, number, string, Record<string, string>][])('is refused when it holds %s', async (_what, raw, status, code, headers) => {
    const { url, messages } = await openListened();
    expect(await call(url, 'POST', '/rooms/lobby/messages', { raw, headers: { 'content-type': 'application/json', ...headers } })).toMatchObject({ status, body: { error: { code } } });
    expect(messages).toEqual([]);
    expect((await call(url, 'POST', '/rooms/lobby/messages', { body: good, headers: { 'content-type': 'Application/JSON; charset="UTF-8"' } })).status).toBe(202);
  });

  it.each([
    ['GET', '/nothing', 404], ['GET', '/', 404], ['POST', '/rooms//messages', 404], ['POST', '/rooms/a/b/messages', 404], ['GET', '/rooms/lobby', 404], ['GET', '/rooms/lobby/events/', 404],
    ['GET', '/rooms/lobby/messages', 405], ['PUT', '/rooms/lobby/messages', 405], ['OPTIONS', '/rooms/lobby/messages', 405], ['POST', '/rooms/lobby/events', 405], ['DELETE', '/health', 405],
    ['POST', '/rooms/%/messages', 400], ['POST', '/rooms/%ff/messages', 400], ['POST', '/rooms/a%00b/messages', 422], ['GET', `/rooms/${'x'.repeat(401)}/events`, 422],
  ])('is answered as it should be: %s %s', async (method, path, status) => {
    const { url } = await openListened();
    const answered = await call(url, method, path, method === 'POST' ? { body: good } : {});
    expect(answered.status).toBe(status);
    expect(answered.body.error?.code).toMatch(/^[A-Z_]+$/);
    expect(answered.headers.get('x-content-type-options')).toBe('nosniff');
    if (status === 405) expect(answered.headers.get('allow')).toMatch(/^(GET|POST)$/);
    if (status === 422) expect(answered.body.error?.fields).toEqual(['room']);
  });
});

// A10
describe('a sender that means harm', () => {
  const head = (more: string) => `POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;

  it('is refused before a byte of a huge body is read', async () => {
    const { port } = await openListened();
    const raw = rawConnection(port, head('Content-Length: 100000000000'));
    await until(() => expect(raw.received()).toContain('413 '));
  });

  it('is refused as soon as a body without a length is too large, which is not kept', async () => {
    const { port } = await openListened({ maxBodyBytes: 100_000 });
    const raw = rawConnection(port, head('Transfer-Encoding: chunked'));
    const before = heldBytes();
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < 200; sent += 1) await new Promise<void>((resolve) => raw.socket.write(chunk, () => resolve()));
    await until(() => expect(raw.received()).toContain('413 '));
    await until(() => expect(heldBytes() - before).toBeLessThan(2_000_000));
  });

  it.each([
    ['headers', 'POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\n'],
    ['a body', head('Content-Length: 100')],
  ])('is cut off when %s do not come', async (_what, text) => {
    const { port, messages } = await openListened({ headersTimeoutMs: 100, requestTimeoutMs: 200 });
    await rawConnection(port, text).ended;
    expect(messages).toEqual([]);
  });

  it.each([
    ['many keys', `{${Array.from({ length: 60_000 }, (_, index) => `"k${index}":1`).join(',')}}`],
    ['great depth', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['a prototype', '{"text":"hello","sender_id":"u1","__proto__":{"polluted":1}}'],
    ['a prototype inside', '{"text":"hello","sender_id":"u1","attachments":[{"__proto__":{"polluted":1}}]}'],
    ['many attachments', `{"text":"hello","sender_id":"u1","attachments":[${Array.from({ length: 100_000 }, () => '{}').join(',')}]}`],
  ])('is refused with %s', async (_what, raw) => {
    const { url, messages } = await openListened();
    expect((await call(url, 'POST', '/rooms/lobby/messages', { raw })).status).toBe(422);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(messages).toEqual([]);
  });

  it('can not break the channel with what is no HTTP', async () => {
    const { port, url } = await openListened();
    for (const text of ['\u0000\u0001\u0002\r\n\r\n', 'GET\r\n\r\n', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`, 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: -1\r\n\r\n']) await rawConnection(port, text).ended;
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('can not make an answer into something else by what it asks for', async () => {
    const { port } = await openListened();
    const raw = rawConnection(port, `GET /<script>%0d%0aset-cookie:x HTTP/1.1\r\nHost: localhost\r\nOrigin: http://<script>\r\nConnection: close\r\n\r\n`);
    await raw.ended;
    expect(raw.received()).toContain('content-type: application/json');
    expect(raw.received().toLowerCase()).not.toContain('set-cookie');
  });

  it('can go in the middle of anything', async () => {
    const { port, url, channel } = await openListened();
    for (const text of [head('Content-Length: 100'), head('Content-Length: 100') + '{"text"', eventsRequest('lobby'), 'GET /hea']) {
      const raw = rawConnection(port, text);
      await until(() => expect(raw.socket.connecting).toBe(false));
      raw.socket.resetAndDestroy();
      await raw.ended;
    }
    await channel.send('lobby', 'still here', {});
    await until(async () => expect((await call(url, 'GET', '/health')).body).toMatchObject({ status: 'healthy', clients: 0 }));
  });
});
