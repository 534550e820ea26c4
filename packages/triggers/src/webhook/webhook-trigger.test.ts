import { fixedClock, type FixedClock } from '@cortex-runtime/core/testing';
import { createHmac } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { triggerConfig, triggerRig } from '../../test/trigger-rig.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import type { WebhookResponse, WebhookRoutes } from './webhook-routes.ts';
import { WebhookTrigger } from './webhook-trigger.ts';

const start = Date.UTC(2026, 0, 1);
const seconds = start / 1_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const hmac = (key: string, ...parts: string[]) => createHmac('sha256', key).update(parts.join('')).digest('hex');

interface Hook {
  clock: FixedClock;
  trigger: WebhookTrigger;
  routes: WebhookRoutes;
  taken: TriggerEvent[];
  send(request: { body?: string | Uint8Array; headers?: Record<string, string>; remote?: string; method?: string; query?: Record<string, string> }): Promise<WebhookResponse>;
}

/** A webhook in front of a mailbox that takes each event id once. */
async function hook(document: Record<string, unknown> = {}, options: { takes?: boolean; filters?: boolean } = {}): Promise<Hook> {
  const clock = fixedClock(start);
  const { deps } = triggerRig(clock);
  const trigger = new WebhookTrigger(deps, triggerConfig({ type: 'webhook', id: 'hook', ...document }));
  const taken: TriggerEvent[] = [];
  await trigger.start();
  if (options.takes !== false) {
    void (async () => {
      for (;;) {
        const event = await trigger.waitForNext();
        const isNew = !taken.some(({ eventId }) => eventId === event.eventId);
        if (isNew && options.filters !== true) taken.push(event);
        await trigger.acknowledge(event, options.filters === true ? 'filtered' : isNew ? 'accepted' : 'duplicate');
      }
    })().catch(() => {});
  }
  return {
    clock, trigger, routes: deps.webhookRoutes, taken,
    send({ body = '{"a":1}', headers = {}, remote = '192.0.2.1', method = 'POST', query = {} }) {
      const route = deps.webhookRoutes.find('watcher', '/webhook');
      if (route === undefined) throw new Error('no route');
      return route.handle({ method, path: '/webhook', query, headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? bytes(body) : body, remote });
    },
  };
}

const key = 'whsec_one';
const body = '{"id":"evt_1","type":"paid"}';
const good = hmac(key, body);
const stripe = (time: number | string, digest = hmac(key, `${time}.`, body)) => `t=${time},v1=${digest}`;

describe('WebhookTrigger signatures', () => {
  // S2: what must not pass, and what must.
  it.each<[string, 'generic' | 'github' | 'stripe', string | undefined, string, number]>([
    ['generic: the true one', 'generic', `sha256=${good}`, body, 202],
    ['generic: the true one in upper case', 'generic', `sha256=${good.toUpperCase()}`, body, 202],
    ['github: the true one', 'github', `sha256=${good}`, body, 202],
    ['generic: missing', 'generic', undefined, body, 401],
    ['generic: empty', 'generic', '', body, 401],
    ['generic: only the prefix', 'generic', 'sha256=', body, 401],
    ['generic: without the prefix', 'generic', good, body, 401],
    ['generic: one digit short', 'generic', `sha256=${good.slice(0, 63)}`, body, 401],
    ['generic: one digit long', 'generic', `sha256=${good}0`, body, 401],
    ['generic: no hexadecimal digits', 'generic', `sha256=${'z'.repeat(64)}`, body, 401],
    ['generic: hexadecimal, then not', 'generic', `sha256=${good.slice(0, 62)}zz`, body, 401],
    ['generic: one bit wrong', 'generic', `sha256=${good.slice(0, 63)}${good.endsWith('0') ? '1' : '0'}`, body, 401],
    ['generic: of another key', 'generic', `sha256=${hmac('other', body)}`, body, 401],
    ['generic: sent twice', 'generic', `sha256=${good}, sha256=${good}`, body, 401],
    ['generic: of the body before it was serialised again', 'generic', `sha256=${good}`, JSON.stringify(JSON.parse(body), null, 1), 401],
    ['generic: of an empty body', 'generic', `sha256=${hmac(key, '')}`, body, 401],
    ['github: SHA-1', 'github', `sha1=${createHmac('sha1', key).update(body).digest('hex')}`, body, 401],
    ['stripe: the true one', 'stripe', stripe(seconds), body, 202],
    ['stripe: at the edge of the tolerance', 'stripe', stripe(seconds - 300), body, 202],
    ['stripe: too old', 'stripe', stripe(seconds - 301), body, 401],
    ['stripe: from the future', 'stripe', stripe(seconds + 301), body, 401],
    ['stripe: NaN', 'stripe', stripe('NaN'), body, 401],
    ['stripe: no time', 'stripe', `v1=${good}`, body, 401],
    ['stripe: two times', 'stripe', `t=${seconds},${stripe(seconds)}`, body, 401],
    ['stripe: a negative time', 'stripe', stripe(-1), body, 401],
    ['stripe: an endless time', 'stripe', stripe('9'.repeat(30)), body, 401],
    ['stripe: signed without its time', 'stripe', stripe(seconds, good), body, 401],
    ['stripe: a time that was not signed', 'stripe', stripe(seconds, hmac(key, `${seconds - 9_000}.`, body)), body, 401],
    ['stripe: no signature', 'stripe', `t=${seconds}`, body, 401],
    ['stripe: only a test signature v0', 'stripe', `t=${seconds},v0=${hmac(key, `${seconds}.`, body)}`, body, 401],
    ['stripe: the true one after a wrong one', 'stripe', `t=${seconds},v1=${'0'.repeat(64)},v1=${hmac(key, `${seconds}.`, body)}`, body, 202],
    ['stripe: eleven signatures', 'stripe', `t=${seconds}${`,v1=${hmac(key, `${seconds}.`, body)}`.repeat(11)}`, body, 401],
    ['stripe: changed body', 'stripe', stripe(seconds), `${body} `, 401],
  ])('%s', async (_title, scheme, signature, sent, status) => {
    const { send, taken } = await hook({ hmac_secret: key, signature_scheme: scheme });
    const header = { generic: 'x-webhook-signature', github: 'x-hub-signature-256', stripe: 'stripe-signature' }[scheme];
    const response = await send({ body: sent, headers: signature === undefined ? {} : { [header]: signature } });
    expect(response.status).toBe(status);
    expect(taken).toHaveLength(status === 202 ? 1 : 0);
    if (status === 202) expect(taken[0]?.metadata['signature_verified']).toBe(true);
  });

  it('takes either of two keys while they are rotated, and no third', async () => {
    const { send } = await hook({ hmac_secret: 'new-key\nold-key\n' });
    for (const [used, status] of [['new-key', 202], ['old-key', 202], ['new-key\nold-key', 401]] as const) {
      expect((await send({ body, headers: { 'x-webhook-signature': `sha256=${hmac(used, body)}` } })).status).toBe(status);
    }
  });

  it('refuses the replay of a signed stripe event by its event id, whatever headers come with it', async () => {
    const { send, taken } = await hook({ hmac_secret: key, signature_scheme: 'stripe' });
    const headers = { 'stripe-signature': stripe(seconds) };
    expect((await send({ body, headers })).body).toEqual({ status: 'accepted', event_id: 'webhook:hook:evt_1' });
    expect(await send({ body, headers: { ...headers, 'idempotency-key': 'another', 'x-webhook-delivery': 'another' } })).toEqual({ status: 200, body: { status: 'duplicate', event_id: 'webhook:hook:evt_1' } });
    expect(taken).toHaveLength(1);
  });

  it('names a stripe delivery without an id by its signature', async () => {
    const { send, taken } = await hook({ hmac_secret: key, signature_scheme: 'stripe' });
    const headers = { 'stripe-signature': stripe(seconds, hmac(key, `${seconds}.`, '{}')) };
    expect((await send({ body: '{}', headers })).status).toBe(202);
    expect((await send({ body: '{}', headers })).status).toBe(200);
    expect(taken[0]?.eventId).toMatch(/^webhook:hook:sig-[0-9a-f]{40}$/);
  });

  it('reads the signature from a header of its own', async () => {
    const { send } = await hook({ hmac_secret: key, signature_header: 'X-My-Signature' });
    expect((await send({ body, headers: { 'x-my-signature': `sha256=${good}` } })).status).toBe(202);
    expect((await send({ body, headers: { 'x-webhook-signature': `sha256=${good}` } })).status).toBe(401);
  });

  it('is not made with a secret that is still a reference, or with a scheme and no secret', () => {
    const { deps } = triggerRig(fixedClock());
    expect(() => new WebhookTrigger(deps, triggerConfig({ type: 'webhook', hmac_secret: '${HOOK_SECRET}' }))).toThrow(/reference/);
    expect(() => new WebhookTrigger(deps, triggerConfig({ type: 'webhook', signature_scheme: 'github' }))).toThrow(/no hmac_secret/);
    expect(() => new WebhookTrigger(deps, triggerConfig({ type: 'webhook', hmac_secret: ' \n ' }))).toThrow(/one to three keys/);
  });
});

describe('WebhookTrigger', () => {
  it('answers 202 only after the event is acknowledged', async () => {
    const { send, trigger, clock } = await hook({}, { takes: false });
    let response: WebhookResponse | undefined;
    void send({}).then((answer) => (response = answer));
    const event = await trigger.waitForNext();
    await clock.advance(1_000);
    expect(response).toBeUndefined();
    await trigger.acknowledge(event, 'accepted');
    await clock.advance(0);
    expect(response).toEqual({ status: 202, body: { status: 'accepted', event_id: event.eventId } });
  });

  // D15 of the described system: a redelivery was a second run.
  it.each([
    ['github', 'x-github-delivery'],
    ['generic', 'x-webhook-delivery'],
    ['generic', 'idempotency-key'],
  ])('runs a redelivery of %s, named by %s, once', async (scheme, header) => {
    const { send, taken } = await hook(scheme === 'github' ? { signature_scheme: scheme, hmac_secret: key } : {});
    const headers = { [header]: '72d3162e-cc78', 'x-hub-signature-256': `sha256=${good}` };
    expect((await send({ body, headers })).status).toBe(202);
    expect(await send({ body, headers })).toEqual({ status: 200, body: { status: 'duplicate', event_id: 'webhook:hook:72d3162e-cc78' } });
    expect((await send({ body, headers: { ...headers, [header]: 'other' } })).status).toBe(202);
    expect(taken).toHaveLength(2);
  });

  it('takes two of the same delivery that are on their way at once as one', async () => {
    const { send, trigger } = await hook({}, { takes: false });
    const both = [send({ headers: { 'idempotency-key': 'k' } }), send({ headers: { 'idempotency-key': 'k' } })];
    await trigger.acknowledge(await trigger.waitForNext(), 'accepted');
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([202, 200]);
  });

  it('takes equal bodies without a delivery id as two events', async () => {
    const { send, taken } = await hook();
    expect([(await send({})).status, (await send({})).status]).toEqual([202, 202]);
    expect(taken).toHaveLength(2);
  });

  it('names a delivery by the header that was chosen', async () => {
    const { send, taken } = await hook({ delivery_id_header: 'X-Request-Id' });
    await send({ headers: { 'x-request-id': 'a b\u00e9', 'idempotency-key': 'ignored' } });
    expect(taken[0]?.eventId).toMatch(/^webhook:hook:sha256-[0-9a-f]{40}$/);
  });

  it('passes a rejection on as 503 with Retry-After', async () => {
    const { send, trigger } = await hook({}, { takes: false });
    const answer = send({});
    await trigger.reject(await trigger.waitForNext(), { message: 'the process is stopped', retryAfterMs: 29_001 });
    expect(await answer).toEqual({ status: 503, headers: { 'retry-after': '30' }, body: { status: 'unavailable', message: 'the process is stopped' } });
  });

  it('answers 503 when nothing takes the event in time, and forgets it', async () => {
    const { send, trigger, clock } = await hook({}, { takes: false });
    const answer = send({});
    await clock.advance(30_000);
    expect((await answer).status).toBe(503);
    let next: TriggerEvent | undefined;
    trigger.waitForNext().then((event) => (next = event), () => {});
    await clock.advance(0);
    expect(next).toBeUndefined();
    await trigger.stop();
  });

  it('answers 503 to more requests than may wait', async () => {
    const { send, trigger } = await hook({}, { takes: false });
    const waiting = Array.from({ length: 1_000 }, () => send({}));
    expect((await send({})).status).toBe(503);
    await trigger.stop();
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([503]));
  });

  it('answers what the filter refused with 200 ignored', async () => {
    const { send } = await hook({}, { filters: true });
    expect((await send({ headers: { 'idempotency-key': 'k' } }))).toEqual({ status: 200, body: { status: 'ignored', event_id: 'webhook:hook:k' } });
  });

  it('asks for the source before the signature, and for the signature before the body', async () => {
    const { send } = await hook({ hmac_secret: key, allowed_sources: ['10.0.0.0/8', '2001:db8::/32'] });
    expect((await send({ body: '{', remote: '11.0.0.1' })).status).toBe(403);
    expect((await send({ body: '{', remote: '10.1.2.3' })).status).toBe(401);
    expect((await send({ body: '{', remote: '::ffff:10.1.2.3', headers: { 'x-webhook-signature': `sha256=${hmac(key, '{')}` } })).status).toBe(400);
    expect((await send({ body, remote: '2001:db8::7', headers: { 'x-webhook-signature': `sha256=${good}` } })).status).toBe(202);
    expect((await send({ body, remote: 'unknown', headers: { 'x-webhook-signature': `sha256=${good}` } })).status).toBe(403);
  });

  it('refuses other methods and larger bodies', async () => {
    const { send } = await hook({ max_body_bytes: 10 });
    expect(await send({ method: 'GET' })).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect((await send({ body: '"123456789"' })).status).toBe(413);
    expect((await send({ body: '"12345678"' })).status).toBe(202);
  });

  it.each<[string, string | Uint8Array, string | undefined, unknown]>([
    ['JSON', '{"a":[1,null]}', 'application/json; charset=utf-8', { a: [1, null] }],
    ['JSON of another kind', '[1]', 'application/vnd.api+json', [1]],
    ['JSON without a content type', ' {"a":1}', undefined, { a: 1 }],
    ['JSON that curl calls a form', '{"a":1}', 'application/x-www-form-urlencoded', { a: 1 }],
    ['text', 'hello', 'text/plain', 'hello'],
    ['text that looks like a number', '5', 'text/plain', '5'],
    ['text that begins like JSON', '{hello', 'text/plain', '{hello'],
    ['nothing', '', 'application/json', null],
    ['negative zero', '{"t":-0.0,"u":-0,"s":"-0"}', 'application/json', { t: 0, u: 0, s: '-0' }],
  ])('takes %s', async (_title, sent, type, payload) => {
    const { send, taken } = await hook();
    expect((await send({ body: sent, headers: { 'content-type': type ?? '' } })).status).toBe(202);
    expect(taken[0]?.payload).toEqual(payload);
  });

  it.each<[string, string | Uint8Array, number]>([
    ['broken JSON', '{"a":', 400],
    ['JSON that a journal would alter', '{"a":1e999}', 400],
    ['a lone surrogate', '"\\ud800"', 400],
    ['endless depth', '['.repeat(200_000), 400],
    ['depth beyond the limit', `${'['.repeat(150)}${']'.repeat(150)}`, 400],
    ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00]), 415],
  ])('refuses %s', async (_title, sent, status) => {
    const { send, taken } = await hook();
    expect((await send({ body: sent })).status).toBe(status);
    expect(taken).toEqual([]);
  });

  it('keeps facts of the delivery and no secrets', async () => {
    const { send, taken } = await hook({ hmac_secret: key });
    const headers = { authorization: 'Bearer x', cookie: 'c', 'set-cookie': 's', 'proxy-authorization': 'p', 'x-gitlab-token': 't', 'x-api-key': 'k', 'x-webhook-signature': `sha256=${good}`, 'idempotency-key': 'i', 'x-event': 'push' };
    await send({ body, headers, query: { q: '1' } });
    expect(taken[0]?.metadata).toEqual({
      method: 'POST', path: '/webhook', query: { q: '1' }, remote: '192.0.2.1', signature_verified: true,
      headers: { 'content-type': 'application/json', 'idempotency-key': 'i', 'x-event': 'push' },
    });
  });

  it('believes a chain of causes only when the request is signed', async () => {
    const unsigned = await hook();
    await unsigned.send({ headers: { 'x-cortex-cause': 'run-1' } });
    expect(unsigned.taken[0]?.cause).toEqual([]);
    const signed = await hook({ hmac_secret: key });
    await signed.send({ body, headers: { 'x-webhook-signature': `sha256=${good}`, 'x-cortex-cause': 'run-1, cron:t:2026-01-01T00:00:00.000Z' } });
    expect(signed.taken[0]?.cause).toEqual(['run-1', 'cron:t:2026-01-01T00:00:00.000Z']);
  });

  it('gives each process one webhook per path, and takes it away when stopped', async () => {
    const { trigger, routes } = await hook();
    const { deps } = triggerRig(fixedClock());
    const second = new WebhookTrigger({ ...deps, webhookRoutes: routes }, triggerConfig({ type: 'webhook' }));
    await expect(second.start()).rejects.toThrow(/has a webhook at \/webhook already/);
    await trigger.stop();
    expect(routes.find('watcher', '/webhook')).toBeUndefined();
    await second.start();
    expect(routes.find('watcher', '/webhook')?.maxBodyBytes).toBe(1024 * 1024);
    await expect(trigger.waitForNext()).rejects.toMatchObject({ code: 'TRIGGER_STOPPED' });
  });
});

describe('WebhookTrigger with CloudEvents', () => {
  const attributes = { specversion: '1.0', id: 'A-1', source: '/shop', type: 'order.paid' };
  const binary = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]));
  const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

  it('reads the binary mode', async () => {
    const { send, taken } = await hook();
    expect((await send({ headers: { ...binary, 'ce-subject': 'caf%C3%A9' } })).status).toBe(202);
    expect(taken[0]?.payload).toEqual({ a: 1 });
    expect(taken[0]?.metadata['cloudevent']).toEqual({ ...attributes, subject: 'café', datacontenttype: 'application/json' });
  });

  it('reads the structured mode, and knows the event again in the other mode', async () => {
    const { send, taken } = await hook();
    expect((await send({ headers: structured, body: JSON.stringify({ ...attributes, data: { a: 1 }, myext: 5 }) })).status).toBe(202);
    expect(taken[0]).toMatchObject({ payload: { a: 1 }, metadata: { cloudevent: { ...attributes, myext: 5 } } });
    expect((await send({ headers: binary })).status).toBe(200);
    expect((await send({ headers: { ...binary, 'ce-source': '/other' } })).status).toBe(202);
  });

  it('reads data in base64: JSON, text and other bytes', async () => {
    const { send, taken } = await hook();
    const base64 = (data: string | Uint8Array) => Buffer.from(data).toString('base64');
    await send({ headers: structured, body: JSON.stringify({ ...attributes, id: '1', datacontenttype: 'application/json', data_base64: base64('{"b":2}') }) });
    await send({ headers: structured, body: JSON.stringify({ ...attributes, id: '2', datacontenttype: 'text/plain', data_base64: base64('hi') }) });
    await send({ headers: structured, body: JSON.stringify({ ...attributes, id: '3', datacontenttype: 'image/png', data_base64: base64(new Uint8Array([0xff, 0xd8])) }) });
    expect(taken.map(({ payload }) => payload)).toEqual([{ b: 2 }, 'hi', { data_base64: base64(new Uint8Array([0xff, 0xd8])) }]);
  });

  it.each<[string, Record<string, string>, string, number]>([
    ['a batch', { 'content-type': 'application/cloudevents-batch+json' }, '[]', 415],
    ['another format', { 'content-type': 'application/cloudevents+avro' }, '{}', 415],
    ['a missing attribute', structured, JSON.stringify({ ...attributes, source: undefined }), 400],
    ['an empty attribute', structured, JSON.stringify({ ...attributes, id: '' }), 400],
    ['another version', { ...binary, 'ce-specversion': '0.3' }, '{}', 400],
    ['data twice', structured, JSON.stringify({ ...attributes, data: 1, data_base64: 'aGk=' }), 400],
    ['no base64', structured, JSON.stringify({ ...attributes, data_base64: '*' }), 400],
    ['a list', structured, '[]', 400],
    ['an attribute that is a map', structured, JSON.stringify({ ...attributes, ext: {} }), 400],
    ['an attribute with a bad name', structured, JSON.stringify({ ...attributes, 'my-ext': 1 }), 400],
    ['a prototype', structured, `{"specversion":"1.0","id":"1","source":"/","type":"t","__proto__":{"x":1}}`, 400],
    ['a broken header', { ...binary, 'ce-subject': '%zz' }, '{}', 400],
  ])('refuses %s', async (_title, headers, sent, status) => {
    const { send, taken } = await hook();
    expect((await send({ headers, body: sent })).status).toBe(status);
    expect(taken).toEqual([]);
  });
});

