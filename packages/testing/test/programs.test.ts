import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { silentLogger } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { createModelProvider, type ModelMessage } from '@cortex-runtime/models';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import type { CountingMcpServerOptions } from '../src/counting-mcp-server.ts';
import { programArguments, readCallLedger, type FakeModelProgramOptions } from '../src/fake-model-server.ts';

const program: Record<'model' | 'mcp', string> = { model: '', mcp: '' };

beforeAll(async () => {
  const { bundleSource } = (await import(new URL('../../../tools/source-bundle.mjs', import.meta.url).href)) as { bundleSource(entry: string): Promise<string> };
  program.model = await bundleSource('packages/testing/src/fake-model-server.ts');
  program.mcp = await bundleSource('packages/testing/src/counting-mcp-server.ts');
}, 60_000);

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'cortex-programs-'));
  onTestFinished(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

/** Starts a program that prints its url. */
async function start(modulePath: string, name: string, options: object): Promise<{ url: string; child: ChildProcess; kill(): Promise<void> }> {
  const child = spawn(process.execPath, programArguments(modulePath, name, options), { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  const [line] = await Promise.race([
    new Promise<string[]>((resolve) => createInterface({ input: child.stdout }).once('line', (text) => resolve([text]))),
    exited.then(() => Promise.reject(new Error('the program ended before it listened'))),
  ]);
  return { url: (JSON.parse(line ?? '') as { url: string }).url, child, kill };
}

async function ask(url: string, messages: readonly ModelMessage[], idempotencyKey: string): Promise<string> {
  const model = await createModelProvider('openai-compatible:m', { net: nodeNet, clock: systemClock, random: systemRandom, disk: nodeDisk, logger: silentLogger, environment: {}, baseDirectory: '.' }, { baseUrl: `${url}/v1`, maxRetries: 0 });
  let answer = '';
  for await (const chunk of model.stream({ messages, tools: [], idempotencyKey })) {
    if (chunk.type === 'text') answer += chunk.text;
    if (chunk.type === 'tool_call') answer += `[${chunk.toolCall.name} ${JSON.stringify(chunk.toolCall.arguments)}]`;
  }
  return answer;
}

const model = (options: FakeModelProgramOptions) => start(program.model, 'runFakeModelServer', options);

describe('the fake model server as a program', () => {
  it('counts calls in a file that survives its own SIGKILL', async () => {
    const ledger = join(await folder(), 'calls');
    const server = await model({ ledger });
    expect(await ask(server.url, [{ role: 'user', content: 'hi' }], 'k1')).toBe('ok');
    await server.kill();
    const records = readCallLedger(ledger);
    expect(records.map((record) => [record['at'], record['idempotency_key']])).toEqual([['received', 'k1'], ['answered', 'k1']]);
    expect(records[0]?.['conversation']).toMatch(/^[0-9a-f]{16}$/);
  });

  it('answers by a script, tool calls included', async () => {
    const script = join(await folder(), 'script.yaml');
    await writeFile(script, 'rules:\n  - when: { trigger_type: webhook }\n    respond: { tool_calls: [{ name: add_value, arguments: { value: "{{payload.n}}" } }] }\n  - when: { after_tool: add_value }\n    respond: { text: finished }\n');
    const server = await model({ script });
    const wake: ModelMessage = { role: 'user', content: '[Trigger: webhook]\n<untrusted-trigger-payload-abc>\n{"n": "7"}\n</untrusted-trigger-payload-abc>' };
    expect(await ask(server.url, [wake], 'k1')).toBe('[add_value {"value":"7"}]');
    const after: ModelMessage[] = [wake, { role: 'assistant', content: '', toolCalls: [{ id: 'c', name: 'add_value', arguments: { value: '7' } }] }, { role: 'tool', toolCallId: 'c', toolName: 'add_value', content: 'done' }];
    expect(await ask(server.url, after, 'k2')).toContain('finished');
  });

  it('fails on request, as often as it was told, and counts what it did not answer as received only', async () => {
    const ledger = join(await folder(), 'calls');
    const server = await model({ ledger });
    const answer = await fetch(`${server.url}/control`, { method: 'POST', body: JSON.stringify({ fault: { kind: 'status', status: 503 }, count: 1 }) });
    expect(answer.status).toBe(200);
    await expect(ask(server.url, [{ role: 'user', content: 'hi' }], 'k1')).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    expect(await ask(server.url, [{ role: 'user', content: 'hi' }], 'k1')).toBe('ok');
    expect(readCallLedger(ledger).map((record) => record['at'])).toEqual(['received', 'received', 'answered']);
    expect(await (await fetch(`${server.url}/control`)).json()).toEqual({ calls: 2 });
  });
});

async function connect(transport: Transport): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  onTestFinished(() => client.close());
  await client.connect(transport);
  return client;
}
const overStdio = (options: CountingMcpServerOptions) => connect(new StdioClientTransport({ command: process.execPath, args: programArguments(program.mcp, 'runCountingMcpServer', options) }) as Transport);
const add = (client: Client, value: string, key: string) => client.callTool({ name: 'add_value', arguments: { value }, _meta: { 'cortex/idempotency-key': key } });

describe('the counting MCP server', () => {
  it('counts executed calls with their keys over stdio', async () => {
    const ledger = join(await folder(), 'calls');
    const client = await overStdio({ ledger });
    await add(client, 'a', 'k1');
    await add(client, 'a', 'k1');
    expect(readCallLedger(ledger)).toMatchObject([{ tool: 'add_value', value: 'a', idempotency_key: 'k1' }, { tool: 'add_value', value: 'a', idempotency_key: 'k1' }]);
  });

  it('says which of its tools may be repeated', async () => {
    const { tools } = await (await overStdio({ ledger: join(await folder(), 'calls') })).listTools();
    expect(Object.fromEntries(tools.map((tool) => [tool.name, tool.annotations]))).toMatchObject({ read_value: { readOnlyHint: true }, set_value: { idempotentHint: true }, add_value: { idempotentHint: false } });
  });

  it.each([['before', 0], ['after', 1]] as const)('dies once %s a call was executed', async (die, executed) => {
    const place = await folder();
    const [ledger, control] = [join(place, 'calls'), join(place, 'control')];
    await writeFile(control, JSON.stringify({ die }));
    await expect(add(await overStdio({ ledger, control }), 'a', 'k1')).rejects.toThrow();
    expect(readCallLedger(ledger)).toHaveLength(executed);
    await add(await overStdio({ ledger, control }), 'b', 'k2');
    expect(readCallLedger(ledger)).toHaveLength(executed + 1);
  });

  it('counts over HTTP too', async () => {
    const ledger = join(await folder(), 'calls');
    const server = await start(program.mcp, 'runCountingMcpServer', { ledger, transport: 'http' });
    const client = await connect(new StreamableHTTPClientTransport(new URL(server.url)) as Transport);
    await add(client, 'over http', 'k9');
    await server.kill();
    expect(readCallLedger(ledger)).toMatchObject([{ value: 'over http', idempotency_key: 'k9' }]);
  });
});

describe('a call ledger', () => {
  it('does not count a line that a kill cut short', async () => {
    const path = join(await folder(), 'calls');
    await writeFile(path, '{"a":1}\n{"a":2');
    expect(readCallLedger(path)).toEqual([{ a: 1 }]);
    expect(readCallLedger(`${path}-missing`)).toEqual([]);
  });
});
