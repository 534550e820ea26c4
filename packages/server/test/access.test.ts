import { request } from 'node:http';
import { connect } from 'node:net';

import { describe, expect, it } from 'vitest';

import { InvalidInputError } from '@cortex-runtime/core';

import { createRemoteAddress } from '../src/access/remote-address.ts';
import { serve } from './serve.ts';

/** As a browser or an attacker would: `fetch` does not let us choose Host and Origin. */
function ask(port: number, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject);
    sent.end();
  });
}

describe('who may call', () => {
  it('asks for the token on every path, known or not, except health', async () => {
    const { url } = await serve();
    for (const path of ['/api/v1/processes', '/api/v1/ready', '/api/v1/nothing', '/nothing', '/api/v1/processes/watcher/journal', '/']) {
      const response = await fetch(`${url}${path}`);
      expect([path, response.status]).toEqual([path, 401]);
      expect(((await response.json()) as { error: { code: string } }).error.code).toBe('UNAUTHORIZED');
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/health`)).status).toBe(200);
  });

  it('refuses wrong tokens of every shape', async () => {
    const { url } = await serve();
    for (const authorization of ['Bearer wrong', 'Bearer ', 'Basic a-token-that-is-long-enough', 'a-token-that-is-long-enough', `Bearer ${'x'.repeat(10_000)}`, 'Bearer a-token-that-is-long-enougH']) {
      expect((await fetch(`${url}/api/v1/processes`, { headers: { authorization } })).status).toBe(401);
    }
  });

  it('says 404 for unknown paths only to those who have the token', async () => {
    const { call } = await serve();
    expect(await call('GET', '/api/v1/nothing')).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
  });

  // A page whose name was pointed at 127.0.0.1 carries its own name as Host.
  it('refuses a foreign Host on a loopback bind with 421, also for health and webhooks', async () => {
    const { port } = await serve();
    for (const path of ['/health', '/hooks/watcher/webhook', '/api/v1/processes']) expect(await ask(port, path, { host: 'evil.example:8000' })).toBe(421);
    for (const host of ['localhost:8000', '127.0.0.1', '[::1]:9', 'app.localhost']) expect(await ask(port, '/health', { host })).toBe(200);
    for (const host of ['localhost.evil.example', '127.0.0.1.evil.example', 'evil@localhost', '127.0.0.1@evil']) expect([host, await ask(port, '/health', { host })]).not.toEqual([host, 200]);
  });

  it('serves the Host names that it was told to', async () => {
    const { port } = await serve({ options: { allowedHosts: ['Tunnel.example'] } });
    expect(await ask(port, '/health', { host: 'tunnel.example' })).toBe(200);
  });

  it('refuses a foreign Origin on a loopback bind with 403', async () => {
    const { port } = await serve();
    for (const origin of ['https://evil.example', 'null', 'file://', 'http://127.0.0.1.evil.example']) expect([origin, await ask(port, '/health', { host: '127.0.0.1', origin })]).toEqual([origin, 403]);
    expect(await ask(port, '/health', { host: '127.0.0.1', origin: 'http://localhost:3000' })).toBe(200);
  });

  it('is not created without a token, or with one that could be guessed', async () => {
    await expect(serve({ options: { token: '' } })).rejects.toThrow(InvalidInputError);
    await expect(serve({ options: { token: 'short' } })).rejects.toThrow('at least 16 characters');
  });
});

describe('slow senders', () => {
  // A10
  it.each([
    ['headers', 'POST /hooks/x/y HTTP/1.1\r\nHost: localhost\r\n'],
    ['a body', `POST /api/v1/processes/watcher/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-token-that-is-long-enough\r\nContent-Length: 100\r\n\r\n{`],
  ])('are cut off when %s do not come', async (_what, text) => {
    const { port, runtime } = await serve({ options: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
    const socket = connect(port, '127.0.0.1');
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined).resume();
    socket.write(text);
    await ended;
    expect(runtime.getProcess('watcher').events).toEqual([]);
  });
});

describe('the address of the caller', () => {
  it('believes X-Forwarded-For only as far as the hops are trusted', () => {
    const remote = createRemoteAddress(['10.0.0.0/8', '::1']);
    expect(remote('192.0.2.9', '1.2.3.4')).toBe('192.0.2.9');
    expect(remote('10.0.0.1', '1.2.3.4')).toBe('1.2.3.4');
    expect(remote('::ffff:10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9')).toBe('1.2.3.4');
    expect(remote('10.0.0.1', 'nonsense')).toBe('10.0.0.1');
    expect(remote('::1', undefined)).toBe('::1');
    expect(createRemoteAddress([])('10.0.0.1', '1.2.3.4')).toBe('10.0.0.1');
  });

  it('refuses a proxy that is no address', () => {
    expect(() => createRemoteAddress(['10.0.0.0/40'])).toThrow(InvalidInputError);
    expect(() => createRemoteAddress(['proxy.example'])).toThrow('trustedProxies');
  });
});
