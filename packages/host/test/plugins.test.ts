import { cpSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import { describe, expect, it, onTestFinished } from 'vitest';

import { quietAgent, workshop } from './running-host.ts';

const calendarPackage = fileURLToPath(new URL('../../../examples/plugins/cortex-plugin-calendar', import.meta.url));
const officeServer = fileURLToPath(new URL('../../../examples/mcp/office-server.mjs', import.meta.url));
const patience = { timeout: 20_000, interval: 20 };

/** A calendar service that only counts, as far as the plugin's setup and its reads need one. */
async function calendarService(port = 0) {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url?.split('?')[0] ?? ''}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(request.url?.startsWith('/events') === true ? { events: [], id: 'evt_1' } : { ok: true }));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port: bound } = server.address() as AddressInfo;
  return { requests, port: bound, url: `http://127.0.0.1:${bound}`, close: () => new Promise<void>((resolve) => { server.closeAllConnections(); server.close(() => resolve()); }) };
}

/** A script that calls the tool which the event names. */
const callsNamedTool = `rules:
${['list_events', 'create_event', 'clear_calendar'].map((action) => `  - when: { turn: 1, user_contains: '"tool": "${action}"' }\n    respond: { tool_calls: [{ name: calendar__${action}, arguments: ${action === 'list_events' ? '{ start: "2026-06-01", end: "2026-06-30" }' : action === 'create_event' ? '{ title: T, date: "2026-06-02" }' : '{}'} }] }`).join('\n')}
  - when: { after_tool: any }
    respond: { text: "told: {{result}}" }
fallback: { text: seen }
`;

function office() {
  const shop = workshop();
  shop.write('agents/answer.yaml', callsNamedTool);
  const environment = (url: string) => ({ CALENDAR_URL: url, CORTEX_CREDENTIAL_CALENDAR_API_KEY: 'calendar-key-canary', CORTEX_LOG_LEVEL: 'debug' });
  return { ...shop, startWith: (url: string) => shop.start({ environment: environment(url) }) };
}

const settings = 'settings: { url: "${CALENDAR_URL}" }';
const plugin = (more: string) => `plugins:\n  calendar: { ${more} }\n`;
const beside = `path: ${JSON.stringify(calendarPackage)}, ${settings}`;

async function ask(client: OrchestrationClient, name: string, tool: string): Promise<string> {
  const { invocationCount } = await client.getProcess(name);
  await client.inject(name, { payload: { tool } });
  await expect.poll(() => client.getProcess(name).then((status) => status.invocationCount > invocationCount || status.state === 'awaiting'), patience).toBe(true);
  return String((await client.getJournal(name, { type: 'invocation_result', limit: 1 })).entries[0]?.data['response'] ?? '');
}

const ready = (client: OrchestrationClient, count: number) => expect.poll(async () => (await client.listPlugins()).filter(({ state }) => state === 'ready').length, patience).toBe(count);

describe('plugins of a host', () => {
  it('come from a path, from a package, or from what the working directory depends on', async () => {
    const calendar = await calendarService();
    const shop = office();
    shop.write('package.json', JSON.stringify({ private: true, dependencies: { 'cortex-plugin-calendar': '*' } }));
    cpSync(calendarPackage, join(shop.directory, 'node_modules/cortex-plugin-calendar'), { recursive: true });
    cpSync(calendarPackage, join(shop.directory, 'agents/my-calendar'), { recursive: true });
    shop.write('agents/found.agent', quietAgent('found', plugin(settings)));
    shop.write('agents/named.agent', quietAgent('named', plugin(`package: cortex-plugin-calendar, ${settings}`)));
    shop.write('agents/near.agent', quietAgent('near', plugin(`path: ./my-calendar, ${settings}`)));
    const { client } = await shop.startWith(calendar.url);
    await ready(client, 3);
    for (const name of ['found', 'named', 'near']) expect(await ask(client, name, 'list_events')).toContain('{"events":[]}');
    expect(await client.listPlugins()).toMatchObject(['found', 'named', 'near'].map((process) => ({ name: 'calendar', version: '1.0.0', health: { status: 'healthy' }, usedBy: [{ process }] })));
  });

  it('are seen only by the agents whose manifests name them, each on its own terms', async () => {
    const calendar = await calendarService();
    const shop = office();
    shop.write('agents/careful.agent', quietAgent('careful', plugin(beside)));
    shop.write('agents/trusted.agent', quietAgent('trusted', plugin(`${beside}, actions: { create_event: { tier: auto } }`)));
    shop.write('agents/reader.agent', quietAgent('reader', plugin(`${beside}, allow: [list_events]`)));
    shop.write('agents/other.agent', quietAgent('other'));
    const { client } = await shop.startWith(calendar.url);
    await ready(client, 1); // the same settings: one plugin, set up once
    expect(calendar.requests.filter((line) => line === 'GET /ping').length).toBeLessThanOrEqual(2); // setup, and its health
    const [listed] = await client.listPlugins();
    expect(listed?.actions.map(({ name, tier }) => [name, tier])).toEqual([['list_events', 'auto'], ['create_event', 'confirm'], ['clear_calendar', 'admin']]);
    expect(Object.fromEntries(listed?.usedBy.map(({ process, actions }) => [process, actions.map(({ name, tier }) => `${name} ${tier}`).join(', ')]) ?? [])).toEqual({
      careful: 'list_events auto, create_event confirm',
      reader: 'list_events auto',
      trusted: 'list_events auto, create_event auto',
    });

    expect(await ask(client, 'trusted', 'create_event')).toContain('evt_1');
    expect(await ask(client, 'reader', 'create_event')).toContain('there is no tool "calendar__create_event"; there are context_put, context_get, calendar__list_events');
    expect(await ask(client, 'other', 'list_events')).toContain('there is no tool "calendar__list_events"; there are context_put, context_get');
    await ask(client, 'careful', 'create_event');
    expect((await client.getProcess('careful')).state).toBe('awaiting');
    expect(calendar.requests.filter((line) => line === 'POST /events')).toHaveLength(1);
  });

  it('that can not be loaded or set up hold up nobody else, say why, and are tried again', async () => {
    const calendar = await calendarService();
    await calendar.close(); // nobody listens at this port
    const shop = office();
    shop.write('agents/desk.agent', quietAgent('desk', `${plugin(beside)}trigger_delivery: { max_retries: 10, retry_backoff: 0.2s, retry_backoff_max: 0.2s }\n`));
    shop.write('agents/lost.agent', quietAgent('lost', plugin('package: cortex-plugin-nowhere')));
    shop.write('agents/mistaken.agent', quietAgent('mistaken', `plugins:\n  diary: { path: ${JSON.stringify(calendarPackage)} }\n`));
    shop.write('agents/other.agent', quietAgent('other'));
    const { client, progress, host } = await shop.startWith(calendar.url);
    expect(progress.find(({ step }) => step === 'started')).toMatchObject({ started: expect.arrayContaining(['desk', 'lost', 'mistaken', 'other']) as unknown, failed: [] });
    expect(await ask(client, 'other', 'nothing')).toContain('seen');
    await expect.poll(async () => (await client.listPlugins()).map(({ name, state, problem }) => [name, state, problem]), patience).toEqual([
      ['calendar', 'pending', expect.stringContaining('fetch failed') as unknown],
      ['calendar', 'pending', expect.stringContaining('npm install cortex-plugin-nowhere') as unknown],
      ['diary', 'pending', expect.stringContaining('calls itself "calendar"') as unknown],
    ]);
    expect((await client.logs({ limit: 200 })).lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['plugin setup failed', 'a plugin can not be used; its next use tries again']));

    // A run waits for its tools with a retry, and goes on when the service is there.
    await client.inject('desk', { payload: { tool: 'list_events' } });
    await expect.poll(() => client.getJournal('desk', { type: 'error' }).then(({ entries }) => String(entries[0]?.data['error'] ?? '')), patience).toContain('the tools of calendar are not available');
    await calendarService(calendar.port);
    await expect.poll(() => client.getProcess('desk').then(({ invocationCount }) => invocationCount), patience).toBe(1);
    expect(JSON.stringify((await client.logs({ limit: 1_000 })).lines)).not.toContain('canary');
    expect(host.runtime.getProcess('desk').state).toBe('running');
  });

  it('on terms that name no action offer nothing, instead of more than was meant', async () => {
    const calendar = await calendarService();
    const shop = office();
    shop.write('agents/desk.agent', quietAgent('desk', `${plugin(`${beside}, actions: { creat_event: { tier: admin } }`)}trigger_delivery: { max_retries: 0 }\n`));
    const { client } = await shop.startWith(calendar.url);
    await client.inject('desk', { payload: { tool: 'create_event' } });
    await expect.poll(() => client.listDeadLetters('desk').then(([letter]) => letter?.error), patience).toContain('calendar.creat_event: there is no such action; did you mean create_event?');
    expect(calendar.requests).not.toContain('POST /events');
  });

  it('of an MCP server with tiers end with the rest of an agent that hibernates, and come back for the answer', async () => {
    const shop = office();
    shop.write('agents/answer.yaml', `rules:\n  - when: { turn: 1 }\n    respond: { tool_calls: [{ name: office__issue_refund, arguments: { order_id: A-1002, cents: 100 } }] }\n  - when: { after_tool: any }\n    respond: { text: "told: {{result}}" }\n`);
    shop.write('agents/desk.agent', quietAgent('desk', `servers:\n  office: { command: node, args: [${JSON.stringify(officeServer)}, ./office], tiers: { issue_refund: confirm, system_load: admin }, approval_ttl: 1h }\n`));
    const { client } = await shop.start({ environment: { CORTEX_HIBERNATE_AFTER: '0.2s', PATH: process.env['PATH'] ?? '' } });
    const facts = () => client.listPlugins().then(([listed]) => [listed?.state, listed?.actions.find(({ name }) => name === 'issue_refund')?.tier]);
    expect(await facts()).toEqual(['pending', undefined]); // nothing is started before its first use
    await client.inject('desk', { payload: {} });
    await expect.poll(() => client.getProcess('desk').then(({ state, hibernated }) => [state, hibernated]), patience).toEqual(['awaiting', true]);
    await expect.poll(facts, patience).toEqual(['pending', undefined]);
    const [approval] = await client.listApprovals({ status: 'pending' });
    expect(Date.parse(approval?.expiresAt ?? '') - Date.parse(approval?.requestedAt ?? '')).toBeGreaterThan(3_590_000);
    await client.approve(approval?.id ?? '');
    await expect.poll(() => client.getJournal('desk', { type: 'invocation_result' }).then(({ entries }) => String(entries[0]?.data['response'])), patience).toContain('100');
  });

  it('keep their record where no agent can be', async () => {
    const shop = office();
    shop.write('agents/plugins.agent', quietAgent('plugins'));
    shop.write('agents/other.agent', quietAgent('other'));
    const { progress } = await shop.start();
    expect(progress.find(({ step }) => step === 'loaded')).toMatchObject({ names: ['other'], errors: [{ error: { message: expect.stringContaining('choose another name') as unknown } }] });
  });
});
