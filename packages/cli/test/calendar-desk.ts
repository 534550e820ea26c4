import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';

import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import { expect, onTestFinished } from 'vitest';

import { deadline, workshop } from './cortex.ts';

/** The plugin of the examples, as a third party would publish it. */
export const calendarPackage = fileURLToPath(new URL('../../../examples/plugins/cortex-plugin-calendar', import.meta.url));

const apiKey = 'calendar-key-canary';

interface CalendarService {
  url: string;
  events: { id: string; title: string; date: string }[];
  /** `POST /events` and the like, in order. */
  requests: string[];
  close(): Promise<void>;
}

/** The calendar over HTTP, in this process: what the plugin does to the world is counted here. It outlives every kill of a host. */
export async function calendarService(): Promise<CalendarService> {
  const module = (await import(pathToFileURL(join(calendarPackage, 'service/calendar-service.js')).href)) as { startCalendarService(options: { apiKey: string }): Promise<CalendarService> };
  const service = await module.startCalendarService({ apiKey });
  onTestFinished(() => service.close());
  return service;
}

/** Stands before a service, and does something between what the service has done and its answer to a POST. */
export async function interrupting(url: string, afterPost: () => Promise<void>): Promise<string> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization = '', 'idempotency-key': key } = request.headers;
      const body = request.method === 'POST' ? { body: Buffer.concat(chunks).toString() } : {};
      void fetch(`${url}${request.url ?? ''}`, { method: request.method ?? 'GET', headers: { authorization, ...(typeof key === 'string' ? { 'idempotency-key': key } : {}) }, ...body }).then(async (answer) => {
        const text = await answer.text();
        if (request.method === 'POST') await afterPost();
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const script = `
rules:
  - when: { turn: 1, user_contains: '"wanted": "clear"' }
    respond: { tool_calls: [{ name: calendar__clear_calendar, arguments: {} }] }
  - when: { turn: 1 }
    respond: { tool_calls: [{ name: calendar__create_event, arguments: { title: "{{payload.title}}", date: "2026-06-02" } }] }
  - when: { after_tool: any }
    respond: { text: "told: {{result}}" }
`;

/** A workshop with desks that write into a calendar. */
export function calendarDesk(options: { url: string; terms?: string; more?: string; names?: readonly string[] }) {
  const shop = workshop();
  for (const name of options.names ?? ['desk']) {
    shop.write(`agents/${name}.agent`, `name: ${name}
model: scripted:desk.yaml
instructions: Put the event into the calendar.
plugins:
  calendar:
    path: ${JSON.stringify(calendarPackage)}
    settings: { url: "\${CALENDAR_URL}" }
    ${options.terms ?? ''}
${options.more ?? ''}
`);
  }
  shop.write('agents/desk.yaml', script);
  const environment = { CALENDAR_URL: options.url, CORTEX_CREDENTIAL_CALENDAR_API_KEY: apiKey };
  return {
    ...shop,
    start: () => shop.start([], environment),
    /** Starts a host that the test will kill, and wakes the desk. */
    async startAndAsk(title: string, name = 'desk') {
      const host = await shop.start([], environment);
      await host.client.inject(name, { payload: { title } });
      return { ...host, approval: await pendingApproval(host.client) };
    },
    async kill(host: { child: { kill(signal: NodeJS.Signals): unknown }; finished: Promise<unknown> }) {
      host.child.kill('SIGKILL');
      await host.finished;
    },
  };
}

/** The one request that waits, once there is one and its run is parked. */
export async function pendingApproval(client: OrchestrationClient, name = 'desk') {
  await expect.poll(() => client.getProcess(name).then(({ state, waitingApprovals, runningRuns }) => [state, waitingApprovals > 0, runningRuns]), deadline).toEqual(['awaiting', true, 0]);
  const [approval] = await client.listApprovals({ status: 'pending' });
  if (approval === undefined) throw new Error('nothing waits for an approval');
  return approval;
}

/** What the desk said at the end of its newest run; undefined before that. */
export async function lastAnswer(client: OrchestrationClient, name = 'desk'): Promise<string | undefined> {
  return (await client.getJournal(name, { type: 'invocation_result', limit: 1 })).entries[0]?.data['response'] as string | undefined;
}

export const told = (client: OrchestrationClient, name = 'desk') => expect.poll(() => lastAnswer(client, name), deadline);
