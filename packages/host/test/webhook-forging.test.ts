import { createHmac } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { answerScript, quietAgent, workshop } from './running-host.ts';

const secret = 'the-real-secret';
const mac = (text: string, key = secret) => createHmac('sha256', key).update(text).digest('hex');

async function hostWithWebhooks() {
  const shop = workshop();
  shop.write('agents/answer.yaml', answerScript);
  shop.write('agents/desk.agent', quietAgent('desk', `triggers:
  - { type: webhook, webhook_path: /generic, hmac_secret: "\${HOOK_SECRET}" }
  - { type: webhook, webhook_path: /github, signature_scheme: github, hmac_secret: "\${HOOK_SECRET}" }
  - { type: webhook, webhook_path: /stripe, signature_scheme: stripe, hmac_secret: "\${HOOK_SECRET}" }
  - { type: webhook, webhook_path: /nearby, allowed_sources: ["10.0.0.0/8"] }
`));
  const { host, client } = await shop.start({ environment: { HOOK_SECRET: secret } });
  const post = async (path: string, body: string, headers: Record<string, string>) => {
    const response = await fetch(`${host.url}/hooks/desk/${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
    return { status: response.status, body: (await response.json()) as { status?: string } };
  };
  const accepted = async () => (await client.getJournal('desk', { limit: 500, type: 'trigger_event' })).count;
  return { host, client, post, accepted };
}

describe('a webhook over HTTP', () => {
  // S2
  it('takes only what the owner of the secret has signed', async () => {
    const { post, accepted } = await hostWithWebhooks();
    const body = '{"amount": 10, "note": "\\u00e9"}';
    const good = mac(body);
    const forged: Record<string, string>[] = [
      {}, { 'x-webhook-signature': '' }, { 'x-webhook-signature': good }, { 'x-webhook-signature': 'sha256=' }, { 'x-webhook-signature': `sha256=${good.slice(0, -1)}` },
      { 'x-webhook-signature': `sha256=${good}0` }, { 'x-webhook-signature': `sha256=${good.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}` }, { 'x-webhook-signature': `sha256=${'z'.repeat(64)}` },
      { 'x-webhook-signature': `sha256=${mac(body, 'another')}` }, { 'x-webhook-signature': `sha1=${good}` }, { 'x-webhook-signature': `sha256=${'0'.repeat(64)}` }, { 'x-hub-signature-256': `sha256=${good}` },
      { 'x-webhook-signature': `sha256=${good}, sha256=${good}` },
    ];
    for (const headers of forged) expect([headers, (await post('generic', body, headers)).status]).toEqual([headers, 401]);
    // The same JSON, written another way, is not what was signed.
    expect((await post('generic', JSON.stringify(JSON.parse(body)), { 'x-webhook-signature': `sha256=${good}` })).status).toBe(401);
    expect((await post('generic', `${body}\n`, { 'x-webhook-signature': `sha256=${good}` })).status).toBe(401);
    expect(await accepted()).toBe(0);
    expect((await post('generic', body, { 'x-webhook-signature': `sha256=${good}` })).status).toBe(202);
    expect(await accepted()).toBe(1);
  });

  it('takes a time-stamped signature once, and only while it is fresh', async () => {
    const { post, accepted } = await hostWithWebhooks();
    const body = '{"id":"evt_1"}';
    const now = Math.floor(Date.now() / 1_000);
    const signed = (t: string | number, key = secret) => `t=${t},v1=${mac(`${t}.${body}`, key)}`;
    for (const header of [signed(now - 400), signed(now + 400), signed('NaN'), signed('Infinity'), signed(`${now}.5e3`), signed(''), signed(now, 'another'), `t=${now}`, `v1=${mac(`${now}.${body}`)}`, `t=${now},t=${now},v1=${mac(`${now}.${body}`)}`, `t=${now + 1},v1=${mac(`${now}.${body}`)}`, `t=${now},v0=${mac(`${now}.${body}`)}`]) {
      expect([header, (await post('stripe', body, { 'stripe-signature': header })).status]).toEqual([header, 401]);
    }
    expect((await post('stripe', body, { 'stripe-signature': `${signed(now, 'old key').replace('t=', 't=')},v1=${mac(`${now}.${body}`)}` })).status).toBe(202);
    const again = await post('stripe', body, { 'stripe-signature': signed(now) });
    expect([again.status, again.body.status]).toEqual([200, 'duplicate']);
    expect(await accepted()).toBe(1);
  });

  // 12.1 D15
  it('runs a delivery of GitHub once, however often it is delivered', async () => {
    const { post, client } = await hostWithWebhooks();
    const body = '{"action":"opened"}';
    const headers = { 'x-hub-signature-256': `sha256=${mac(body)}`, 'x-github-delivery': 'd-1' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => post('github', body, headers)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 202]);
    await expect.poll(() => client.getProcess('desk').then(({ invocationCount }) => invocationCount), { timeout: 10_000 }).toBe(1);
    expect((await client.getJournal('desk', { type: 'invocation_start', limit: 100 })).count).toBe(1);
  });

  it('refuses sources that are not allowed, bodies that are too large and JSON that is none', async () => {
    const { post, accepted } = await hostWithWebhooks();
    expect((await post('nearby', '{}', {})).status).toBe(403);
    const large = JSON.stringify({ text: 'x'.repeat(1024 * 1024) });
    expect((await post('generic', large, { 'x-webhook-signature': `sha256=${mac(large)}` })).status).toBe(413);
    expect((await post('generic', '{"a":', { 'x-webhook-signature': `sha256=${mac('{"a":')}` })).status).toBe(400);
    expect(await accepted()).toBe(0);
  });
});
