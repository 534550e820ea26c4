// A server for tests that does what real ones do on a bad day. It speaks over stdio, or over HTTP when given a port (0 is any): `node odd-server.mjs [http PORT]`.
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

if (process.env.ODD_FAIL_AT_START !== undefined) {
  console.error(process.env.ODD_FAIL_AT_START);
  process.exit(3);
}

const calls = process.env.ODD_CALLS;
const extra = [];
const tool = (name, annotations) => ({ name, description: `does ${name}`, inputSchema: { type: 'object', properties: {} }, ...(annotations === undefined ? {} : { annotations }) });
const tools = () => [
  tool('echo', { readOnlyHint: true }),
  tool('env', { readOnlyHint: true }),
  tool('pid', { readOnlyHint: true }),
  tool('die'),
  tool('speak_and_die'),
  tool('die_idempotent', { idempotentHint: true }),
  tool('hang'),
  tool('hang_read', { readOnlyHint: true }),
  tool('fail'),
  tool('protocol_error'),
  tool('mixed'),
  tool('grow'),
  tool('shout'),
  tool('a tool with spaces'),
  tool(`long_${'x'.repeat(80)}`),
  ...extra,
];

function makeServer() {
  const server = new Server({ name: 'odd', version: '1' }, { capabilities: { logging: {}, tools: { listChanged: true } } });
  // Two tools a page.
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const start = Number(params?.cursor ?? 0);
    const all = tools();
    return { tools: all.slice(start, start + 2), ...(start + 2 < all.length ? { nextCursor: String(start + 2) } : {}) };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendNotification }) => {
    if (calls !== undefined) appendFileSync(calls, `${JSON.stringify({ name: params.name, key: params._meta?.['cortex/idempotency-key'] })}\n`);
    const text = (value) => ({ content: [{ type: 'text', text: value }] });
    switch (params.name) {
      case 'echo': return text(JSON.stringify(params.arguments));
      case 'env': return text(JSON.stringify(process.env));
      case 'pid': return text(String(process.pid));
      case 'speak_and_die': // the headers of the answer are out, its body is not
        await sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'working on it' } });
        setTimeout(() => process.exit(1), 100);
        return new Promise(() => undefined);
      case 'die':
      case 'die_idempotent':
        process.exit(1);
        return text('unreachable');
      case 'hang':
      case 'hang_read':
        await new Promise((resolve) => {
          const timer = setInterval(() => undefined, 1_000);
          signal.addEventListener('abort', () => {
            clearInterval(timer);
            if (calls !== undefined) appendFileSync(calls, '{"name":"cancelled"}\n');
            resolve();
          });
        });
        return text('too late');
      case 'fail': return { ...text('no such order'), isError: true };
      case 'protocol_error': throw new Error('nothing doing');
      case 'mixed':
        return {
          content: [
            { type: 'text', text: 'a picture:' },
            { type: 'image', mimeType: 'image/png', data: Buffer.from('12345').toString('base64') },
            { type: 'resource', resource: { uri: 'file:///a.txt', text: 'the text of a' } },
            { type: 'resource_link', uri: 'file:///b.txt', name: 'b' },
          ],
          structuredContent: { pictures: 1 },
        };
      case 'grow':
        extra.push(tool('grown'));
        await server.sendToolListChanged();
        return text('grown');
      case 'shout':
        for (let line = 0; line < 300; line += 1) console.error(`line ${line} with ${process.env.ODD_SECRET ?? 'nothing'} ${'z'.repeat(2_000)}`);
        return text('shouted');
      default: return text(`did ${params.name}`);
    }
  });
  return server;
}

if (process.argv[2] === 'http') {
  const sessions = new Map();
  const http = createServer(async (request, response) => {
    if (process.env.ODD_TOKEN !== undefined && request.headers.authorization !== `Bearer ${process.env.ODD_TOKEN}`) {
      response.writeHead(401).end('who are you?');
      return;
    }
    const id = request.headers['mcp-session-id'];
    let body = '';
    for await (const part of request) body += part;
    if (process.env.ODD_FORGETS !== undefined && body.includes('"tools/call"')) {
      appendFileSync(process.env.ODD_FORGETS, 'asked\n');
      response.writeHead(404).end();
      return;
    }
    let transport = sessions.get(id);
    if (transport === undefined && id === undefined) {
      transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: (made) => void sessions.set(made, transport) });
      await makeServer().connect(transport);
    }
    if (transport === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}');
      return;
    }
    await transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body));
  });
  http.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => console.log(`port ${http.address().port}`));
  process.on('SIGTERM', () => process.exit(0));
} else {
  process.stdin.on('end', () => process.exit(0));
  await makeServer().connect(new StdioServerTransport());
}
