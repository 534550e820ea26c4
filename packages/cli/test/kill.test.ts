import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { deadline, scriptedAgent, workshop } from './cortex.ts';

const refundThenThink = `
rules:
  - when: { turn: 1 }
    respond:
      tool_calls: [{ name: office__issue_refund, arguments: { order_id: A-1002, cents: 100 } }]
  - when: { after_tool: office__issue_refund }
    respond: { text: "refunded {{result.refunded_cents}}", delay: 3 }
`;

const sendLetter = `
rules:
  - when: { turn: 1 }
    respond:
      tool_calls: [{ name: slow__send_letter, arguments: {} }]
  - when: { after_tool: any }
    respond: { text: "told: {{result}}" }
`;

const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []);

/** The journal of an agent through the API, as types in order. */
async function typesOf(client: ReturnType<ReturnType<typeof workshop>['client']>, name: string): Promise<string[]> {
  return (await client.getJournal(name, { limit: 500 })).entries.map(({ entryType }) => entryType);
}

describe('a host that is killed', () => {
  // 12.1 D2-D4: the event was lost, and a run that was tried again repeated its effects.
  it('goes on in the middle of a run: no event lost, no recorded tool call repeated', async () => {
    const shop = workshop();
    for (const [path, text] of Object.entries(scriptedAgent('desk', refundThenThink))) shop.write(path, text);
    const first = await shop.start();
    expect(await first.client.inject('desk', { payload: { order: 1 }, eventId: 'the-order' })).toMatchObject({ status: 'accepted' });
    // The refund is done and recorded; the model thinks.
    await expect.poll(() => typesOf(first.client, 'desk').then((types) => types.filter((type) => type === 'llm_call').length), deadline).toBe(2);
    first.child.kill('SIGKILL');
    await first.finished;

    const second = await shop.start();
    await expect.poll(() => typesOf(second.client, 'desk').then((types) => types.includes('invocation_result')), deadline).toBe(true);
    expect(lines(join(shop.directory, 'agents/office/refunds.jsonl'))).toHaveLength(1);
    const types = await typesOf(second.client, 'desk');
    expect([types.filter((type) => type === 'trigger_event').length, types.filter((type) => type === 'tool_call').length, types.filter((type) => type === 'invocation_result').length]).toEqual([1, 1, 1]);
    expect((await second.client.getJournal('desk', { type: 'invocation_result' })).entries[0]?.data).toMatchObject({ event_id: 'the-order', response: expect.stringContaining('refunded 100') as string });
    // The same delivery again is known, also over the crash.
    expect(await second.client.inject('desk', { payload: { order: 1 }, eventId: 'the-order' })).toMatchObject({ status: 'duplicate' });
    expect((await shop.cortex(['verify', '--json'])).code).toBe(0);
    await expect.poll(() => second.said.out, deadline).toContain('goes on where it was');
  });

  it('asks a person about a call whose outcome nobody knows, and repeats it only when told to', async () => {
    const shop = workshop();
    for (const [path, text] of Object.entries(scriptedAgent('desk', sendLetter))) shop.write(path, text);
    const letters = join(shop.directory, 'agents/office/letters.txt');
    const first = await shop.start();
    await first.client.inject('desk', { payload: {} });
    await expect.poll(() => lines(letters).length, deadline).toBe(1);
    first.child.kill('SIGKILL');
    await first.finished;

    const second = await shop.start();
    await expect.poll(() => second.client.getProcess('desk').then(({ waitingEffects, state }) => [waitingEffects, state]), deadline).toEqual([1, 'awaiting']);
    expect(lines(letters)).toHaveLength(1);
    expect((await shop.cortex(['status'])).out).toContain('1 call with an unknown outcome wait');
    const effects = JSON.parse((await shop.cortex(['effects', '--json'])).out) as { effect_id: string; tool: string }[];
    expect(effects).toMatchObject([{ process: 'desk', tool: 'slow__send_letter' }]);
    const id = effects[0]?.effect_id ?? '';
    expect(await shop.cortex(['resolve', id.slice(0, 12), 'happened', '--result', '{"letter":7}'])).toMatchObject({ code: 0 });
    await expect.poll(() => typesOf(second.client, 'desk'), deadline).toContain('invocation_result');
    // The agent was told what the person knew.
    expect((await second.client.getJournal('desk', { type: 'invocation_result' })).entries[0]?.data).toMatchObject({ response: expect.stringContaining('told: {"letter":7}') as string });
    expect(lines(letters)).toHaveLength(1);
    expect(await second.client.getProcess('desk')).toMatchObject({ waitingEffects: 0, state: 'running' });
    expect(await shop.cortex(['resolve', id, 'retry'])).toMatchObject({ code: 1, err: expect.stringContaining('no effect') as string });
  });

  // 12.1 D1, D15: a 202 was given before anything was on disk; a delivery that GitHub sent again ran again.
  it('keeps a webhook that it acknowledged, and takes its delivery once, before and after', async () => {
    const shop = workshop();
    const triggers = 'triggers:\n  - { type: webhook, webhook_path: /gh, signature_scheme: github, hmac_secret: "${SECRET}" }';
    for (const [path, text] of Object.entries(scriptedAgent('desk', 'fallback: { text: seen }', { triggers }))) shop.write(path, text);
    const body = JSON.stringify({ action: 'opened', number: 1 });
    const deliver = async (secret = 'a-webhook-secret', delivery = 'delivery-1') => {
      const url = shop.client().baseUrl.replace('/api/v1', '/hooks/desk/gh');
      const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
      const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature, 'x-github-delivery': delivery } });
      return [response.status, ((await response.json()) as { status?: string }).status];
    };
    const first = await shop.start();
    expect(await deliver('wrong')).toEqual([401, 'refused']);
    expect(await deliver()).toEqual([202, 'accepted']);
    first.child.kill('SIGKILL');
    await first.finished;

    const second = await shop.start();
    await expect.poll(() => typesOf(second.client, 'desk').then((types) => types.includes('invocation_result')), deadline).toBe(true);
    expect(await deliver()).toEqual([200, 'duplicate']);
    expect(await deliver('a-webhook-secret', 'delivery-2')).toEqual([202, 'accepted']);
    await expect.poll(() => typesOf(second.client, 'desk').then((types) => types.filter((type) => type === 'invocation_result').length), deadline).toBe(2);
    const journal = JSON.stringify(await second.client.getJournal('desk', { limit: 500 }));
    expect(journal).not.toContain('a-webhook-secret');
  });

  // 12.1 D14: ticks vanished while the host was down.
  it('finds what happened while it was down: a file that landed, a schedule that was due', async () => {
    const shop = workshop();
    const triggers = 'triggers:\n  - { type: file_watch, watch_path: ./inbox, watch_patterns: ["*.txt"] }\n  - { type: cron, cron_expression: "* * * * * *", cron_seconds: first, misfire: once }';
    const script = 'rules:\n  - { when: { trigger_type: file_watch }, respond: { text: "read {{payload.filename}}" } }\nfallback: { text: tick }\n';
    for (const [path, text] of Object.entries(scriptedAgent('desk', script, { triggers }))) shop.write(path, text);
    shop.write('agents/inbox/.gitkeep', '');
    const first = await shop.start();
    const count = (client: typeof first.client, trigger: string) =>
      client.getJournal('desk', { limit: 500, type: 'invocation_result' }).then(({ entries }) => entries.filter(({ data }) => data['trigger_type'] === trigger).length);
    await expect.poll(() => count(first.client, 'cron'), deadline).toBeGreaterThanOrEqual(1);
    first.child.kill('SIGKILL');
    await first.finished;
    shop.write('agents/inbox/while-down.txt', 'hello');

    const second = await shop.start();
    await expect.poll(() => count(second.client, 'file_watch'), deadline).toBe(1);
    const before = await count(second.client, 'cron');
    await expect.poll(() => count(second.client, 'cron'), deadline).toBeGreaterThan(before);
    const events = (await second.client.getJournal('desk', { limit: 500, type: 'trigger_event' })).entries.map(({ data }) => data['event_id']);
    expect(new Set(events).size).toBe(events.length);
    expect((await shop.cortex(['verify'])).code).toBe(0);
  });

  it('hands the data directory to the next one, and to nobody while it lives', async () => {
    const shop = workshop();
    for (const [path, text] of Object.entries(scriptedAgent('desk', 'fallback: { text: seen }'))) shop.write(path, text);
    const first = await shop.start();
    const refused = await shop.cortex(['start']);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/in use by process \d+/);
    expect(refused.err.trim().split('\n').length).toBeLessThanOrEqual(2);
    expect(await shop.cortex(['verify', '--repair'])).toMatchObject({ code: 1, err: expect.stringContaining('in use') as string });
    first.child.kill('SIGKILL');
    await first.finished;
    expect(await shop.cortex(['status'])).toMatchObject({ code: 1, err: expect.stringContaining('no host runs') as string });
    await shop.start();
  });
});
