import { createHmac } from 'node:crypto';
import { request } from 'node:http';

import { describe, expect, it } from 'vitest';

import { createWebhookRoutes, type WebhookRequest, type WebhookRoutes } from '@cortex-runtime/triggers';

import { serve } from './serve.ts';

/** A webhook that remembers what it was handed. */
function listen(webhookRoutes: WebhookRoutes, options: { maxBodyBytes?: number; path?: string } = {}) {
  const requests: WebhookRequest[] = [];
  webhookRoutes.add({
    processName: 'watcher',
    path: options.path ?? '/orders/new',
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
    handle: (taken) => {
      requests.push(taken);
      return Promise.resolve({ status: 202, headers: { 'x-seen': '1' }, body: { status: 'accepted' } });
    },
  });
  return requests;
}

describe('webhooks over HTTP', () => {
  it('hands over the bytes as they came, without asking for the token', async () => {
    const webhookRoutes = createWebhookRoutes();
    const requests = listen(webhookRoutes);
    const { url } = await serve({ webhookRoutes });
    const body = '{ "a" : 1,\r\n "b":"\\u00e9" }  ';
    const response = await fetch(`${url}/hooks/watcher/orders/new?x=1&y=two%20words`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'X-Webhook-Signature': 'sha256=00' } });
    expect([response.status, response.headers.get('x-seen'), await response.json()]).toEqual([202, '1', { status: 'accepted' }]);
    expect(requests).toHaveLength(1);
    expect(Buffer.from(requests[0]?.body ?? []).toString()).toBe(body);
    expect(requests[0]).toMatchObject({ method: 'POST', path: '/hooks/watcher/orders/new', query: { x: '1', y: 'two words' }, remote: '127.0.0.1' });
    expect(requests[0]?.headers['x-webhook-signature']).toBe('sha256=00');
  });

  it('takes bodies of every content type, and none', async () => {
    const webhookRoutes = createWebhookRoutes();
    const requests = listen(webhookRoutes);
    const { url } = await serve({ webhookRoutes });
    for (const type of ['application/cloudevents+json', 'text/plain', 'application/x-www-form-urlencoded', 'image/png; q=1', 'nonsense']) {
      expect((await fetch(`${url}/hooks/watcher/orders/new`, { method: 'POST', body: 'x', headers: { 'content-type': type } })).status).toBe(202);
    }
    expect((await fetch(`${url}/hooks/watcher/orders/new`, { method: 'POST' })).status).toBe(202);
    expect(requests.map(({ body }) => body.length)).toEqual([1, 1, 1, 1, 1, 0]);
  });

  it('answers 404 for what nobody listens to, 405 for other methods, and 503 while the host starts or stops', async () => {
    const webhookRoutes = createWebhookRoutes();
    listen(webhookRoutes);
    let phase: 'starting' | 'ready' | 'draining' = 'ready';
    const { url } = await serve({ webhookRoutes, phase: () => phase });
    const post = (path: string) => fetch(`${url}${path}`, { method: 'POST', body: '{}' });
    for (const path of ['/hooks/watcher/other', '/hooks/nobody/orders/new', '/hooks/watcher', '/hooks/', '/hooks/%E0%A4/orders/new']) expect([path, (await post(path)).status >= 400]).toEqual([path, true]);
    const wrongMethod = await fetch(`${url}/hooks/watcher/orders/new`, { method: 'PUT', body: '{}' });
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'POST']);
    phase = 'starting';
    const early = await post('/hooks/not-loaded-yet/orders/new');
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '2']);
    expect((await post('/hooks/watcher/orders/new')).status).toBe(202);
    phase = 'draining';
    expect((await post('/hooks/watcher/orders/new')).status).toBe(503);
  });

  // 12.1 D15: a body above 1 MiB became a 500.
  it('refuses 1 MiB + 1 with 413, announced or not, and takes 1 MiB', async () => {
    const webhookRoutes = createWebhookRoutes();
    const requests = listen(webhookRoutes);
    const { url } = await serve({ webhookRoutes });
    const post = (body: unknown, chunked = false) => fetch(`${url}/hooks/watcher/orders/new`, { method: 'POST', body, ...(chunked ? { duplex: 'half' } : {}) } as RequestInit);
    expect((await post(new Uint8Array(1024 * 1024))).status).toBe(202);
    expect((await post(new Uint8Array(1024 * 1024 + 1))).status).toBe(413);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let index = 0; index < 17; index += 1) controller.enqueue(new Uint8Array(64 * 1024));
        controller.close();
      },
    });
    expect((await post(stream, true)).status).toBe(413);
    expect(requests).toHaveLength(1);
  });

  it('refuses a body that announces too much before a byte of it is sent', async () => {
    const webhookRoutes = createWebhookRoutes();
    listen(webhookRoutes, { maxBodyBytes: 10 });
    const { port } = await serve({ webhookRoutes });
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/hooks/watcher/orders/new', headers: { 'content-length': '1000000' } }, (response) => {
        resolve(response.statusCode ?? 0);
        sent.destroy();
      });
      sent.once('error', reject);
      sent.flushHeaders();
    });
    expect(status).toBe(413);
  });

  it('verifies signatures over what really came: an HMAC of the same bytes', async () => {
    const webhookRoutes = createWebhookRoutes();
    const requests = listen(webhookRoutes);
    const { url } = await serve({ webhookRoutes });
    const bytes = Buffer.from([...Array(256).keys()]);
    await fetch(`${url}/hooks/watcher/orders/new`, { method: 'POST', body: bytes });
    const mac = (data: Uint8Array) => createHmac('sha256', 'k').update(data).digest('hex');
    expect(mac(requests[0]?.body ?? new Uint8Array())).toBe(mac(bytes));
  });
});
