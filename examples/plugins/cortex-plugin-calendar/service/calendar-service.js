// @ts-check
import { createServer } from 'node:http';

/**
 * A calendar over HTTP that lives in memory: what the plugin talks to in its tests and in a first try. It remembers idempotency keys, as a good service does.
 *
 * @param {{ apiKey: string, port?: number, log?: (line: string) => void }} options
 * @returns {Promise<{ url: string, events: { id: string, title: string, date: string, key: string }[], requests: string[], fail(status: number): void, close(): Promise<void> }>}
 */
export async function startCalendarService({ apiKey, port = 0, log = () => undefined }) {
  /** @type {{ id: string, title: string, date: string, key: string }[]} */
  const events = [];
  /** @type {string[]} */
  const requests = [];
  /** @type {number | undefined} */
  let failNext;

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://calendar');
    const line = `${request.method} ${url.pathname}`;
    requests.push(line);
    log(line);
    /** @type {(status: number, body: object) => void} */
    const answer = (status, body) => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${apiKey}`) return answer(401, { error: `wrong key ${request.headers.authorization}` });
    if (failNext !== undefined) {
      const status = failNext;
      failNext = undefined;
      return answer(status, { error: 'told to fail' });
    }
    if (line === 'GET /ping') return answer(200, { ok: true });
    if (line === 'GET /events') {
      const [key, start, end] = ['idempotency_key', 'start', 'end'].map((name) => url.searchParams.get(name));
      return answer(200, { events: events.filter((event) => (key === null ? event.date >= (start ?? '') && event.date <= (end ?? '9') : event.key === key)) });
    }
    if (line === 'DELETE /events') return answer(200, { deleted: events.splice(0).length });
    if (line !== 'POST /events') return answer(404, { error: 'not found' });
    let text = '';
    for await (const chunk of request) text += chunk;
    const key = String(request.headers['idempotency-key'] ?? '');
    const known = events.find((event) => key !== '' && event.key === key);
    if (known !== undefined) return answer(200, known);
    const event = { id: `evt_${events.length + 1}`, ...JSON.parse(text), key };
    events.push(event);
    return answer(201, event);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    events,
    requests,
    fail: (status) => void (failNext = status),
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
