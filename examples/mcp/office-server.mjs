/**
 * A small office as an MCP server over standard input and output: files to read, notes to write, orders to look up, refunds to issue.
 * It needs no network and touches nothing outside of one directory.
 *
 *     node examples/mcp/office-server.mjs DIRECTORY
 *
 * In the directory: `orders.json` (made with three orders when absent), `notes/`, `refunds.jsonl`, and whatever files agents should read.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { cpus, freemem, loadavg, totalmem, uptime } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const given = process.argv[2];
if (given === undefined) {
  console.error('usage: node office-server.mjs DIRECTORY');
  process.exit(2);
}
await mkdir(given, { recursive: true });
const root = await realpath(given);

/** An expected failure: told to the agent as the result of the call. */
class Refusal extends Error {}

/** The real path of something inside the directory; symbolic links that lead out are refused. */
async function inside(path) {
  const wanted = resolve(root, path);
  const real = await realpath(wanted).catch(async (error) => {
    if (error.code !== 'ENOENT') throw error;
    return join(await realpath(dirname(wanted)).catch(() => root), wanted.slice(dirname(wanted).length + 1));
  });
  const from = relative(root, real);
  if (isAbsolute(from) || from === '..' || from.startsWith(`..${sep}`)) throw new Refusal(`${path} is outside of the office`);
  return real;
}

const data = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value });
const text = (value) => ({ content: [{ type: 'text', text: value }] });

/** Expected failures become results with isError, so that the agent can react; others are the server's protocol errors. */
const answering = (work) => async (args, extra) => {
  try {
    return await work(args, extra._meta?.['cortex/idempotency-key']);
  } catch (error) {
    if (error instanceof Refusal || ['ENOENT', 'EISDIR', 'ENOTDIR', 'EACCES'].includes(error.code)) return { content: [{ type: 'text', text: error.message.replaceAll(root, '.') }], isError: true };
    throw error;
  }
};

const reading = { readOnlyHint: true, openWorldHint: false };
const server = new McpServer({ name: 'office', version: '1.0.0' });

server.registerTool(
  'list_files',
  { description: 'Lists the files and folders of a folder of the office.', inputSchema: { path: z.string().default('.').describe('Folder, relative to the office.') }, annotations: reading },
  answering(async ({ path }) => {
    const folder = await inside(path);
    const entries = await readdir(folder, { withFileTypes: true });
    const files = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, 500)) {
      if (entry.name.startsWith('.')) continue;
      files.push(entry.isDirectory() ? { name: `${entry.name}/` } : { name: entry.name, bytes: (await stat(join(folder, entry.name)).catch(() => undefined))?.size ?? 0 });
    }
    return data({ files });
  }),
);

server.registerTool(
  'read_file',
  {
    description: 'Reads a text file of the office.',
    inputSchema: { path: z.string().describe('File, relative to the office, or an absolute path inside of it.'), max_chars: z.number().int().min(1).max(200_000).default(20_000) },
    annotations: reading,
  },
  answering(async ({ path, max_chars: maxChars }) => {
    const content = await readFile(await inside(path), 'utf8');
    return text(content.length > maxChars ? `${content.slice(0, maxChars)}\n[… ${content.length - maxChars} characters left out …]` : content);
  }),
);

server.registerTool(
  'write_note',
  {
    description: 'Writes a Markdown note into the notes of the office. Calling it again with the same idempotency key changes nothing.',
    inputSchema: { title: z.string().min(1).max(200), body: z.string().max(100_000) },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  },
  answering(async ({ title, body }, idempotencyKey) => {
    const slug = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '').slice(0, 60) || 'note';
    const digest = createHash('sha256').update(idempotencyKey ?? `${title}\0${body}`).digest('hex').slice(0, 10);
    await mkdir(join(root, 'notes'), { recursive: true });
    const path = await inside(join('notes', `${slug}-${digest}.md`));
    const shown = relative(root, path).replaceAll(sep, '/');
    if ((await stat(path).catch(() => undefined)) !== undefined) return data({ path: shown, written: false });
    const half = `${path}.${process.pid}.tmp`;
    await writeFile(half, `# ${title}\n\n${body}\n`);
    await rename(half, path);
    return data({ path: shown, written: true });
  }),
);

const demoOrders = [
  { order_id: 'A-1001', customer: 'Ada', item: 'kettle', cents: 3490, status: 'delivered' },
  { order_id: 'A-1002', customer: 'Grace', item: 'lamp', cents: 5900, status: 'lost in the post' },
  { order_id: 'A-1003', customer: 'Edsger', item: 'desk', cents: 24900, status: 'in production' },
  { order_id: 'A-1004', customer: 'Barbara', item: 'clock', cents: 7900, status: 'lost in the post' },
];

async function orders() {
  const path = join(root, 'orders.json');
  const found = await readFile(path, 'utf8').catch(() => undefined);
  if (found !== undefined) return JSON.parse(found);
  await writeFile(path, `${JSON.stringify(demoOrders, null, 2)}\n`, { flag: 'wx' }).catch(() => undefined);
  return demoOrders;
}

async function orderOf(orderId) {
  const order = (await orders()).find((each) => each.order_id === orderId);
  if (order === undefined) throw new Refusal(`there is no order ${orderId}`);
  return order;
}

server.registerTool(
  'lookup_order',
  { description: 'Finds an order by its id.', inputSchema: { order_id: z.string().min(1).max(100) }, annotations: reading },
  answering(async ({ order_id: orderId }) => data(await orderOf(orderId))),
);

server.registerTool(
  'issue_refund',
  {
    description: 'Pays money back to the customer of an order. Every call pays again.',
    inputSchema: { order_id: z.string().min(1).max(100), cents: z.number().int().min(1), reason: z.string().max(500).default('') },
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  },
  answering(async ({ order_id: orderId, cents, reason }, idempotencyKey) => {
    const order = await orderOf(orderId);
    if (cents > order.cents) throw new Refusal(`order ${orderId} was paid with ${order.cents} cents; ${cents} can not be refunded`);
    const ledger = await open(join(root, 'refunds.jsonl'), 'a');
    try {
      await ledger.write(`${JSON.stringify({ at: new Date().toISOString(), order_id: orderId, cents, reason, idempotency_key: idempotencyKey ?? null })}\n`);
      await ledger.datasync();
    } finally {
      await ledger.close();
    }
    return data({ order_id: orderId, customer: order.customer, refunded_cents: cents });
  }),
);

server.registerTool('now', { description: 'The time.', inputSchema: {}, annotations: reading }, answering(async () => {
  const now = new Date();
  return data({ iso: now.toISOString(), weekday: now.toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' }), unix_seconds: Math.floor(now.getTime() / 1_000) });
}));

server.registerTool('system_load', { description: 'Load and memory of this machine.', inputSchema: {}, annotations: reading }, answering(async () => {
  const [oneMinute = 0, fiveMinutes = 0] = loadavg();
  return data({
    one_minute: Number(oneMinute.toFixed(2)),
    five_minutes: Number(fiveMinutes.toFixed(2)),
    cpus: cpus().length,
    memory_free_percent: Math.round((100 * freemem()) / totalmem()),
    uptime_hours: Math.round(uptime() / 3_600),
  });
}));

// When the host is gone, however it went, its end of the pipe is closed: leave then, so that no orphan stays behind.
process.stdin.on('end', () => process.exit(0));
process.stdin.on('close', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));

await server.connect(new StdioServerTransport());
