import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { callContext, connect, oddServer, temporaryFolder, toolOf } from './servers.ts';

async function startServer(environment: Record<string, string> = {}, port = 0): Promise<{ url: string; port: number; child: ChildProcess; end(): Promise<void> }> {
  const child = spawn(process.execPath, [oddServer, 'http', String(port)], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment } });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(end);
  const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data: Buffer) => resolve(data.toString())));
  const actual = Number(line.replace(/\D/g, ''));
  return { url: `http://127.0.0.1:${actual}/mcp`, port: actual, child, end };
}

describe('an MCP server over streamable HTTP', () => {
  it('lists and calls tools, with the idempotency key', async () => {
    const folder = await temporaryFolder();
    const server = await startServer({ ODD_CALLS: join(folder, 'calls') });
    const source = connect({ url: server.url });
    expect((await (await toolOf(source, 'srv__echo')).execute({ a: 1 }, callContext())).content).toBe('{"a":1}');
    expect(await readFile(join(folder, 'calls'), 'utf8')).toBe('{"name":"echo","key":"key-1"}\n');
  });

  it('authenticates with a token that is a reference until a connection is made', async () => {
    const server = await startServer({ ODD_TOKEN: 'let-me-in-please' });
    const environment: Record<string, string> = {};
    const source = connect({ url: server.url, bearerToken: '${ODD_TOKEN}' }, { environment });
    await expect(source.tools()).rejects.toMatchObject({ code: 'ENVIRONMENT_VARIABLE_NOT_FOUND', variable: 'ODD_TOKEN' });
    environment['ODD_TOKEN'] = 'wrong-token-canary';
    const refused: unknown = await source.tools().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE' });
    expect(String(refused)).toContain('answered 401');
    expect(String(refused)).not.toContain('canary');
    environment['ODD_TOKEN'] = 'let-me-in-please';
    expect((await source.tools()).length).toBeGreaterThan(10);
  });

  it('sends api_key and headers', async () => {
    const seen: Record<string, unknown>[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await connect({ url, apiKey: '${K}', headers: { 'X-Team': 'team ${T:-red}' } }, { environment: { K: 'key-value' } }).tools().catch(() => undefined);
    expect(seen[0]).toMatchObject({ 'x-api-key': 'key-value', 'x-team': 'team red' });
  });

  it('says at once that the outcome is unknown when the server dies in a call', async () => {
    const folder = await temporaryFolder();
    const server = await startServer({ ODD_CALLS: join(folder, 'calls') });
    const source = connect({ url: server.url }, {}, { timeoutMs: 600_000 });
    await expect((await toolOf(source, 'srv__die')).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_OUTCOME_UNKNOWN' });
    expect((await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')).toHaveLength(1);
  });

  it('says so too when the answer had begun to stream', async () => {
    const source = connect({ url: (await startServer()).url }, {}, { timeoutMs: 600_000 });
    await expect((await toolOf(source, 'srv__speak_and_die')).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_OUTCOME_UNKNOWN' });
  });

  it('asks a server that forgets every session once more, not for ever', async () => {
    const forgets = join(await temporaryFolder(), 'asked');
    const source = connect({ url: (await startServer({ ODD_FORGETS: forgets })).url });
    await expect((await toolOf(source, 'srv__echo')).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE' });
    expect(await readFile(forgets, 'utf8')).toBe('asked\nasked\n');
  });

  it('says that a call was not sent when nobody listens any more, which is safe to repeat', async () => {
    const server = await startServer();
    const source = connect({ url: server.url });
    const hang = await toolOf(source, 'srv__hang');
    await server.end();
    await expect(hang.execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE', retryable: true });
  });

  it('opens a new session when the server was started anew, and executes the call once', async () => {
    const folder = await temporaryFolder();
    const server = await startServer({ ODD_CALLS: join(folder, 'calls') });
    const source = connect({ url: server.url });
    const echo = await toolOf(source, 'srv__echo');
    await server.end();
    await startServer({ ODD_CALLS: join(folder, 'calls') }, server.port);
    expect((await echo.execute({ c: 3 }, callContext())).content).toBe('{"c":3}');
    expect((await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')).toHaveLength(1);
  });

  it('cancels a call that takes too long', async () => {
    const server = await startServer();
    const source = connect({ url: server.url, timeoutMs: 100 });
    await expect((await toolOf(source, 'srv__hang')).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_OUTCOME_UNKNOWN' });
    expect((await (await toolOf(source, 'srv__echo')).execute({}, callContext())).isError).toBe(false);
  });

  it('refuses a url that is none', async () => {
    await expect(connect({ url: '${NOWHERE:-not a url}' }).tools()).rejects.toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE', retryable: false });
  });
});
