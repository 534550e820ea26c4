import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { calendarDesk, calendarPackage, calendarService, interrupting, lastAnswer, pendingApproval, told } from './calendar-desk.ts';
import { deadline, scriptedAgent, workshop } from './cortex.ts';

const posts = ({ requests }: { requests: string[] }) => requests.filter((line) => line === 'POST /events').length;

describe('a call that a person has to approve', () => {
  it('is seen, approved and made once, by commands that say what to type', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const { client, said, approval } = await shop.startAndAsk('Standup');
    expect(calendar.events).toEqual([]);

    const table = (await shop.cortex(['status'])).out;
    expect(table).toMatch(/desk +awaiting +0 +0 +1 /);
    expect(table).toContain('1 call waits for your approval: cortex approvals');
    expect((await shop.cortex(['status', 'desk'])).out).toContain('1 for your approval; list them: cortex approvals');
    expect(JSON.parse((await shop.cortex(['status', '--json'])).out)).toMatchObject({ pending_approvals: 1, processes: { desk: { waiting_approvals: 1, state_reason: 'a call waits for an approval' } } });
    await expect.poll(() => said.out, deadline).toContain(`calendar__create_event needs your approval  see it: cortex approvals  answer: cortex approve|deny ${approval.id}`);

    const listed = (await shop.cortex(['approvals'])).out;
    expect(listed).toContain('desk  calendar.create_event  {"date":"2026-06-02","title":"Standup"}');
    expect(listed).toContain(`cortex approve ${approval.id}`);
    expect(JSON.parse((await shop.cortex(['approvals', '--json'])).out)).toMatchObject([{ id: approval.id, status: 'pending', requested_by: 'desk', params: { title: 'Standup' }, expires_at: expect.any(String) as unknown }]);

    const { code, out } = await shop.cortex(['approve', approval.id.slice(0, 20), '--by', 'ada']);
    expect([code, out.trim()]).toEqual([0, 'calendar.create_event of desk: approved; it is done once, with exactly these parameters']);
    await told(client).toContain('told: {"event_id":"evt_1"}');
    expect(calendar.events).toMatchObject([{ title: 'Standup', date: '2026-06-02' }]);
    expect(await client.getProcess('desk')).toMatchObject({ state: 'running', waitingApprovals: 0 });
    expect((await shop.cortex(['approvals'])).out.trim()).toBe('nothing waits for your approval');
    expect((await shop.cortex(['approvals', '--all'])).out).toMatch(/used by ada .*/);
    expect(readFileSync(join(shop.dataDirectory, 'segments/0000000001.jsonl'), 'utf8')).not.toContain('canary');
  });

  it('is told to the agent when it is denied, with the reason', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const { client, approval } = await shop.startAndAsk('Party');
    expect(JSON.parse((await shop.cortex(['deny', approval.id, '--reason', 'not on a Tuesday', '--json'])).out)).toMatchObject({ status: 'denied', reason: 'not on a Tuesday', decided_by: expect.stringContaining('(cortex deny)') as unknown });
    await told(client).toMatch(/^told: calendar\.create_event: .* denied it: not on a Tuesday .*nothing was done/);
    expect(posts(calendar)).toBe(0);
    expect((await shop.cortex(['verify'])).code).toBe(0);
  });

  it('is told to the agent when nobody answers in time', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url, terms: 'actions: { create_event: { approval_ttl: 2s } }' });
    const { client, approval } = await shop.startAndAsk('Party');
    await told(client).toContain('nobody answered the request for an approval in time');
    expect(await client.getApproval(approval.id)).toMatchObject({ status: 'expired' });
    expect(await shop.cortex(['approve', approval.id])).toMatchObject({ code: 1, err: expect.stringContaining('is expired already; what waits: cortex approvals') as unknown });
    expect(posts(calendar)).toBe(0);
  });

  it('is answered once, and under its own id', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const { client, approval } = await shop.startAndAsk('Standup');
    expect(await shop.cortex(['approve', 'nobody'])).toMatchObject({ code: 1, err: expect.stringMatching(/^error: there is no approval "nobody"; what waits: cortex approvals\n$/) as unknown });
    expect(JSON.parse((await shop.cortex(['deny', 'nobody', '--json'])).out)).toMatchObject({ error: { code: 'APPROVAL_NOT_FOUND' } });
    const answers = await Promise.all([shop.cortex(['approve', approval.id]), shop.cortex(['deny', approval.id])]);
    expect(answers.map(({ code }) => code).sort()).toEqual([0, 1]);
    await told(client).toMatch(/told: /);
    expect(posts(calendar)).toBe(answers[0]?.code === 0 ? 1 : 0);
    for (const args of [['approve'], ['approve', approval.id, 'x'], ['deny', approval.id, '--because', 'x']]) expect([args, (await shop.cortex(args)).code]).toEqual([args, 2]);
  });

  it('does not stand in for another: two at once are answered each for itself', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url, names: ['desk', 'second'] });
    const { client } = await shop.start();
    await Promise.all([client.inject('desk', { payload: { title: 'A' } }), client.inject('second', { payload: { title: 'B' } })]);
    await pendingApproval(client, 'desk');
    await pendingApproval(client, 'second');
    const pending = await client.listApprovals({ status: 'pending' });
    expect(pending.map(({ requestedBy, params }) => [requestedBy, params['title']]).sort()).toEqual([['desk', 'A'], ['second', 'B']]);
    expect(await shop.cortex(['approve', pending[0]?.id.slice(0, 2) ?? ''])).toMatchObject({ code: 1, err: expect.stringContaining('fits 2 approvals') as unknown });
    await Promise.all(pending.map(({ id }) => client.approve(id)));
    await told(client, 'desk').toContain('event_id');
    await told(client, 'second').toContain('event_id');
    expect(calendar.events.map(({ title }) => title).sort()).toEqual(['A', 'B']);
  });
});

describe('cortex plugins', () => {
  it('shows what stands before each action, for whom, and what is wrong', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url, names: ['desk', 'second'], more: 'servers: {}' });
    shop.write('agents/bold.agent', `name: bold\nmodel: scripted:desk.yaml\nplugins:\n  calendar: { path: ${JSON.stringify(calendarPackage)}, settings: { url: "\${CALENDAR_URL}" }, actions: { create_event: { tier: auto } } }\n  diary: { package: no-such-diary }\n`);
    const { client } = await shop.start();
    await expect.poll(() => client.listPlugins().then((plugins) => plugins.map(({ state, problem }) => [state, problem !== undefined])), deadline).toEqual([['ready', false], ['pending', true]]);
    const { code, out } = await shop.cortex(['plugins']);
    expect(code).toBe(0);
    expect(out).toMatch(/^NAME +VERSION +STATE +HEALTH +AGENTS\n/);
    expect(out).toMatch(/calendar +1\.0\.0 +ready +healthy +bold, desk, second\n {2}list_events auto, create_event confirm, clear_calendar admin\n {2}bold: list_events auto, create_event auto\n/);
    expect(out).toMatch(/diary +- +pending +- +bold\n .*npm install no-such-diary/);
    expect(JSON.parse((await shop.cortex(['plugins', '--json'])).out)).toMatchObject([{ name: 'calendar', used_by: [{ process: 'bold' }, { process: 'desk' }, { process: 'second' }] }, { name: 'diary', state: 'pending' }]);
    const quiet = workshop();
    for (const [path, text] of Object.entries(scriptedAgent('quiet', 'fallback: { text: seen }'))) quiet.write(path, text);
    await quiet.start();
    expect((await quiet.cortex(['plugins'])).out.trim()).toBe('no manifest names a plugin, or gives a server tiers');
    expect((await quiet.cortex(['approvals', '--all'])).out.trim()).toBe('nothing was ever asked');
  });
});

describe('a host that is killed around an approval', () => {
  it('three times before it is given, makes the call once, with the same request', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const first = await shop.startAndAsk('Standup');
    await shop.kill(first);
    for (let restart = 0; restart < 2; restart += 1) {
      const host = await shop.start();
      expect((await pendingApproval(host.client)).id).toBe(first.approval.id);
      await expect.poll(() => host.said.out, deadline).toMatch(/1 call waits for your approval: (npx )?cortex approvals/);
      await shop.kill(host);
    }
    expect(calendar.events).toEqual([]);
    const last = await shop.start();
    expect((await shop.cortex(['approve', first.approval.id])).code).toBe(0);
    await told(last.client).toContain('evt_1');
    expect(posts(calendar)).toBe(1);
    expect((await last.client.getJournal('desk', { type: 'llm_call' })).entries).toHaveLength(2);
    expect(JSON.parse((await shop.cortex(['verify', '--json'])).out)).toMatchObject({ is_intact: true, history: { events: { accepted: 1, closed: 1 }, violations: [] } });
  });

  it('between the approval and the call, makes it at the next start', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const first = await shop.startAndAsk('Standup');
    await shop.cortex(['stop', 'desk']); // nothing runs, so the approval is all that happens
    expect((await shop.cortex(['approve', first.approval.id])).code).toBe(0);
    await shop.kill(first);
    expect(posts(calendar)).toBe(0);
    const second = await shop.start();
    await shop.cortex(['restart', 'desk']);
    await told(second.client).toContain('evt_1');
    expect(posts(calendar)).toBe(1);
  });

  it('during the call, finds out that it happened and does not make it again', async () => {
    const calendar = await calendarService();
    let killNow: (() => Promise<void>) | undefined;
    const shop = calendarDesk({ url: await interrupting(calendar.url, async () => killNow?.()) });
    const first = await shop.startAndAsk('Standup');
    killNow = () => shop.kill(first);
    await first.client.approve(first.approval.id).catch(() => undefined); // the host may be gone before it has answered
    await first.finished;
    killNow = undefined;
    expect(calendar.events).toHaveLength(1);
    const second = await shop.start();
    await told(second.client).toContain('told: {"event_id":"evt_1"}');
    expect(posts(calendar)).toBe(1);
    expect((await shop.cortex(['verify'])).code).toBe(0);
  });

  it('during a call of which nobody can find out, asks a person instead of making it again', async () => {
    const calendar = await calendarService();
    let killNow: (() => Promise<void>) | undefined;
    const shop = calendarDesk({ url: await interrupting(calendar.url, async () => killNow?.()), terms: 'actions: { create_event: { on_unknown: ask } }' });
    const first = await shop.startAndAsk('Standup');
    killNow = () => shop.kill(first);
    await first.client.approve(first.approval.id).catch(() => undefined);
    await first.finished;
    killNow = undefined;
    const second = await shop.start();
    await expect.poll(() => second.client.getProcess('desk').then(({ state, waitingEffects, waitingApprovals }) => [state, waitingEffects, waitingApprovals]), deadline).toEqual(['awaiting', 1, 0]);
    const [effect] = await second.client.listWaitingEffects('desk');
    expect((await shop.cortex(['resolve', effect?.effectId ?? '', 'happened', '--result', '{"event_id":"evt_1"}'])).code).toBe(0);
    await told(second.client).toContain('told: {"event_id":"evt_1"}');
    expect(posts(calendar)).toBe(1);
  });

  it('while the request is on its way, asks once', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const first = await shop.start();
    await first.client.inject('desk', { payload: { title: 'Standup' } });
    await expect.poll(() => first.client.getJournal('desk', { type: 'tool_call' }).then(({ entries }) => entries.length), { ...deadline, interval: 1 }).toBe(1);
    await shop.kill(first);
    const second = await shop.start();
    const approval = await pendingApproval(second.client);
    expect(await second.client.listApprovals()).toHaveLength(1);
    await second.client.approve(approval.id);
    await told(second.client).toContain('evt_1');
    expect(posts(calendar)).toBe(1);
  });
});

describe('what an agent can not get around', () => {
  it('is the tier of what only an operator does: by hand, once for its key', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    await shop.start();
    expect(await shop.cortex(['run-action', 'calendar', 'clear_calendar', '--key', 'spring-cleaning', '--by', 'ada', '--json'])).toMatchObject({ code: 0, out: expect.stringContaining('"success": true') as string });
    expect((await shop.cortex(['run-action', 'calendar', 'clear_calendar', '--key', 'spring-cleaning', '--by', 'ada'])).code).toBe(0);
    expect(calendar.requests.filter((line) => line === 'DELETE /events')).toHaveLength(1);
    expect(await shop.cortex(['run-action', 'calendar', 'list_events', '--params', '{"start":"2026-06-02","end":"2026-06-03"}'])).toMatchObject({ code: 0, out: expect.stringContaining('"events": []') as string });
    expect(await shop.cortex(['run-action', 'calender', 'clear_calendar'])).toMatchObject({ code: 1, err: expect.stringContaining('did you mean "calendar"?') as string });
    expect(await shop.cortex(['run-action', 'calendar', 'clear_calendar', '--params', '[]'])).toMatchObject({ code: 2 });
    expect(await shop.cortex(['run-action', 'calendar', 'create_event', '--params', '{"title":1}'])).toMatchObject({ code: expect.any(Number) as number, err: expect.stringMatching(/title|date/) as string });
    expect(calendar.events).toEqual([]);
  });

  it('is the tier of an action: one for operators is no tool, whatever it is called', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const { client } = await shop.start();
    await client.inject('desk', { payload: { wanted: 'clear' } });
    await told(client).toMatch(/there is no tool "calendar__clear_calendar"; there are .*calendar__list_events, calendar__create_event/);
    expect(calendar.requests).not.toContain('DELETE /events');
  });

  it('is what was approved: other parameters are another request', async () => {
    const calendar = await calendarService();
    const shop = calendarDesk({ url: calendar.url });
    const { client, approval } = await shop.startAndAsk('Standup');
    await client.approve(approval.id);
    await told(client).toContain('evt_1');
    await client.inject('desk', { payload: { title: 'Party' } });
    const second = await pendingApproval(client);
    expect([second.id === approval.id, second.params['title']]).toEqual([false, 'Party']);
    await client.deny(second.id);
    await told(client).toContain('denied it');
    // And the same once more is once more to be asked for.
    await client.inject('desk', { payload: { title: 'Standup' } });
    await pendingApproval(client);
    expect(calendar.events.map(({ title }) => title)).toEqual(['Standup']);
  });
});

describe('a tool of an MCP server with a tier', () => {
  const refund = `
rules:
  - when: { turn: 1 }
    respond: { tool_calls: [{ name: office__issue_refund, arguments: { order_id: A-1002, cents: 100 } }] }
  - when: { after_tool: any }
    respond: { text: "told: {{result}}" }
`;
  const refunds = (directory: string) => {
    const path = join(directory, 'agents/office/refunds.jsonl');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0;
  };

  it('waits for an approval as a plugin does, over a kill, and is called once', async () => {
    const shop = workshop();
    const files = scriptedAgent('desk', refund);
    shop.write('agents/desk.yaml', files['agents/desk.yaml'] ?? '');
    shop.write('agents/desk.agent', (files['agents/desk.agent'] ?? '').replace('    args: [', '    tiers: { issue_refund: confirm }\n    args: ['));
    const first = await shop.start();
    await first.client.inject('desk', { payload: {} });
    const approval = await pendingApproval(first.client);
    expect(approval).toMatchObject({ plugin: 'office', action: 'issue_refund', params: { order_id: 'A-1002', cents: 100 }, requestedBy: 'desk' });
    expect((await first.client.listPlugins())).toMatchObject([{ name: 'office', state: 'ready', usedBy: [{ process: 'desk' }] }]);
    first.child.kill('SIGKILL');
    await first.finished;
    expect(refunds(shop.directory)).toBe(0);

    const second = await shop.start();
    expect((await pendingApproval(second.client)).id).toBe(approval.id);
    expect((await shop.cortex(['approve', approval.id])).code).toBe(0);
    await told(second.client).toMatch(/told: .*100/);
    expect(refunds(shop.directory)).toBe(1);
    // Its other tools are as they were.
    expect((await second.client.listPlugins())[0]?.actions.filter(({ tier }) => tier === 'confirm').map(({ name }) => name)).toEqual(['issue_refund']);
    expect(await lastAnswer(second.client)).toContain('told:');
  });
});
