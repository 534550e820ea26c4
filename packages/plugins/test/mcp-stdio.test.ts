import { spawn } from 'node:child_process';
import { readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { systemClock } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { McpServerConfig } from '../src/mcp/index.ts';
import { callContext, connect, eventually, isAlive, oddServer, office, recordingLogger, temporaryFolder, toolOf } from './servers.ts';

const odd = (config: Partial<McpServerConfig> = {}): McpServerConfig => ({ command: process.execPath, args: [oddServer], ...config });

describe('an MCP server over stdio', () => {
  it('lists the tools of every page under names that every provider takes', async () => {
    const names = (await connect(odd()).tools()).map((tool) => tool.name);
    expect(names).toContain('srv__echo');
    expect(names).toContain('srv__a_tool_with_spaces');
    expect(names.length).toBeGreaterThan(10); // two come a page
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(new Set(names).size).toBe(names.length);
  });

  it('calls tools also under a name that had to be changed', async () => {
    const source = connect(odd());
    expect(await (await toolOf(source, 'srv__a_tool_with_spaces')).execute({}, callContext())).toEqual({ content: 'did a tool with spaces', isError: false });
  });

  it('offers only the tools that the configuration asks for, and reports one that is not there', async () => {
    const logger = recordingLogger();
    const tools = await connect(odd({ tools: ['echo', 'ehco'] }), { logger }).tools();
    expect(tools.map((tool) => tool.name)).toEqual(['srv__echo']);
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'warn', facts: { tool: 'ehco' } }));
  });

  it('repeats what only reads or is idempotent, asks about the rest, and lets the configuration decide', async () => {
    const source = connect(odd({ onUnknown: { die: 'retry', echo: 'ask' } }));
    const onUnknown = Object.fromEntries((await source.tools()).map((tool) => [tool.name, tool.onUnknown]));
    expect(onUnknown).toMatchObject({ srv__echo: 'ask', srv__env: 'retry', srv__die_idempotent: 'retry', srv__hang: 'ask', srv__die: 'retry' });
    expect((await toolOf(source, 'srv__env')).isReadOnly).toBe(true);
    expect((await toolOf(source, 'srv__hang')).isReadOnly).toBe(false);
  });

  it('gives the child an allow-listed environment and its own variables, never the host\'s', async () => {
    process.env['CORTEX_TEST_CANARY'] = 'canary-of-the-process';
    onTestFinished(() => void delete process.env['CORTEX_TEST_CANARY']);
    const environment = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', OPENAI_API_KEY: 'canary-of-the-host', CRM_KEY: 'given-by-name' };
    const source = connect(odd({ env: { TOKEN: 'Bearer ${CRM_KEY}', MODE: '${MODE:-test}' } }), { environment });
    const seen = JSON.parse((await (await toolOf(source, 'srv__env')).execute({}, callContext())).content) as Record<string, string>;
    expect(seen).toMatchObject({ TOKEN: 'Bearer given-by-name', MODE: 'test', LC_ALL: 'C', TZ: 'UTC' });
    expect(JSON.stringify(seen)).not.toContain('canary');
    expect(seen).not.toHaveProperty('CRM_KEY');
  });

  it('names the variable of a reference that is not set, and starts nothing', async () => {
    const error: unknown = await connect(odd({ env: { TOKEN: '${CRM_KEY}' } })).tools().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ENVIRONMENT_VARIABLE_NOT_FOUND', variable: 'CRM_KEY', path: 'servers.srv.env.TOKEN' });
  });

  it('passes the idempotency key on', async () => {
    const folder = await temporaryFolder();
    const source = connect(odd({ env: { ODD_CALLS: join(folder, 'calls') } }));
    await (await toolOf(source, 'srv__echo')).execute({ a: 1 }, callContext({ idempotencyKey: 'effect-9' }));
    expect(await readFile(join(folder, 'calls'), 'utf8')).toBe('{"name":"echo","key":"effect-9"}\n');
  });

  it('tells the model of texts, describes what is no text, and keeps the data', async () => {
    const result = await (await toolOf(connect(odd()), 'srv__mixed')).execute({}, callContext());
    expect(result).toEqual({ content: 'a picture:\n[image image/png, 5 bytes]\nthe text of a\n[resource b: file:///b.txt]', structured: { pictures: 1 }, isError: false });
  });

  it('returns failures of a tool and errors of the protocol as results', async () => {
    const source = connect(odd());
    expect(await (await toolOf(source, 'srv__fail')).execute({}, callContext())).toEqual({ content: 'no such order', isError: true });
    const refused = await (await toolOf(source, 'srv__protocol_error')).execute({}, callContext());
    expect(refused.isError).toBe(true);
    expect(refused.content).toContain('nothing doing');
  });

  it('says that the outcome is unknown when the server dies in a call, and starts it again for the next', async () => {
    const folder = await temporaryFolder();
    const source = connect(odd({ env: { ODD_CALLS: join(folder, 'calls') } }));
    for (const name of ['srv__die', 'srv__die_idempotent']) {
      await expect((await toolOf(source, name)).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_OUTCOME_UNKNOWN', toolName: name, retryable: false });
    }
    const echo = await toolOf(source, 'srv__echo');
    expect((await echo.execute({ b: 2 }, callContext())).content).toBe('{"b":2}');
    const executed = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n').map((line) => (JSON.parse(line) as { name: string }).name);
    expect(executed).toEqual(['die', 'die_idempotent', 'echo']); // D3: none of them was sent twice
  });

  it('is connected again on a next use when the child was killed while idle', async () => {
    const source = connect(odd());
    const pidTool = await toolOf(source, 'srv__pid');
    const first = Number((await pidTool.execute({}, callContext())).content);
    process.kill(first, 'SIGKILL');
    await eventually(() => expect(isAlive(first)).toBe(false));
    await eventually(async () => expect(Number((await pidTool.execute({}, callContext())).content)).not.toBe(first));
  });

  it('gives up a call that takes too long, tells the server, and does not know what happened', async () => {
    const folder = await temporaryFolder();
    const source = connect(odd({ timeoutMs: 100, env: { ODD_CALLS: join(folder, 'calls') } }));
    await expect((await toolOf(source, 'srv__hang')).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_OUTCOME_UNKNOWN' });
    await eventually(async () => expect(await readFile(join(folder, 'calls'), 'utf8')).toContain('cancelled'));
    await expect((await toolOf(source, 'srv__hang_read')).execute({}, callContext())).rejects.toMatchObject({ code: 'TOOL_TIMEOUT', retryable: true });
  });

  it('ends a call with the signal of its run: unknown when it was sent, aborted when it only reads', async () => {
    const source = connect(odd());
    const aborted = async (name: string) => {
      const controller = new AbortController();
      const tool = await toolOf(source, name);
      const work = tool.execute({}, callContext({ signal: controller.signal }));
      controller.abort();
      return work.then(() => 'answered', (error: { code: string }) => error.code);
    };
    const sentFirst = async (name: string) => {
      const controller = new AbortController();
      const tool = await toolOf(source, name);
      const work = tool.execute({}, callContext({ signal: controller.signal })).then(() => 'answered', (error: { code: string }) => error.code);
      await (await toolOf(source, 'srv__echo')).execute({}, callContext()); // answered behind it: it was sent
      controller.abort();
      return work;
    };
    expect(await sentFirst('srv__hang')).toBe('TOOL_OUTCOME_UNKNOWN');
    expect(await sentFirst('srv__hang_read')).toBe('TOOL_ABORTED');
    expect(await aborted('srv__hang_read')).toBe('TOOL_ABORTED');
    await expect((await toolOf(source, 'srv__hang')).execute({}, callContext({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: 'TOOL_ABORTED' });
  });

  it('lists anew when the server says that its tools have changed', async () => {
    const source = connect(odd());
    await (await toolOf(source, 'srv__grow')).execute({}, callContext());
    await eventually(() => toolOf(source, 'srv__grown'));
  });

  it('logs what the server says, cut, counted and without its secrets', async () => {
    const logger = recordingLogger();
    const source = connect(odd({ env: { ODD_SECRET: '${THE_SECRET}' } }), { logger, environment: { PATH: process.env['PATH'], THE_SECRET: 'hunter2-canary' } });
    await (await toolOf(source, 'srv__shout')).execute({}, callContext());
    const said = () => logger.lines.filter((line) => line.message === 'tool server says').map((line) => (line.facts as { line: string }).line);
    await eventually(() => expect(said().length).toBe(100));
    expect(said()[0]).toMatch(/^line 0 with \[secret\] z+$/);
    expect(Math.max(...said().map((line) => line.length))).toBe(1_000);
    expect(JSON.stringify(logger.lines)).not.toContain('canary');
  });

  it('says why it could not start: no such program, or the last words of a child that ended', async () => {
    const missing: unknown = await connect({ command: 'no-such-program-here' }).tools().catch((error: unknown) => error);
    expect(missing).toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE', retryable: true });
    expect(String(missing)).toContain('no-such-program-here');
    const failing: unknown = await connect(odd({ env: { ODD_FAIL_AT_START: 'the license has expired' } })).tools().catch((error: unknown) => error);
    expect(String(failing)).toContain('the license has expired');
  });

  it('waits longer and longer for a server that keeps failing', async () => {
    const waits: number[] = [];
    const clock = { ...systemClock, monotonic: () => 0, setTimer: (delayMs: number, callback: () => void, options?: object) => {
      if (delayMs <= 8_000) waits.push(delayMs);
      return systemClock.setTimer(delayMs <= 8_000 ? 0 : delayMs, callback, options);
    } };
    const source = connect(odd({ env: { ODD_FAIL_AT_START: 'no' } }), { clock }, { reconnectBaseMs: 1_000, reconnectMaxMs: 4_000 });
    for (let attempt = 0; attempt < 5; attempt += 1) await source.tools().catch(() => undefined);
    expect(waits).toEqual([1_000, 2_000, 4_000, 4_000]);
  });

  it('makes one child for many callers at once', async () => {
    const source = connect(odd());
    const pids = await Promise.all(Array.from({ length: 8 }, async () => (await (await toolOf(source, 'srv__pid')).execute({}, callContext())).content));
    expect(new Set(pids).size).toBe(1);
  });

  it('ends its child when it is closed, and refuses from then on', async () => {
    // L7: sessions are closed with the process
    const source = connect(odd());
    const pid = Number((await (await toolOf(source, 'srv__pid')).execute({}, callContext())).content);
    await source.close();
    await eventually(() => expect(isAlive(pid)).toBe(false));
    await expect(source.tools()).rejects.toMatchObject({ code: 'TOOL_SOURCE_UNAVAILABLE', retryable: false });
  });

  it('does not wait for a server that never answers when it is closed', async () => {
    const source = connect({ command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] }, {}, { connectTimeoutMs: 600_000 });
    const listing = source.tools().catch((error: unknown) => error);
    await source.close();
    expect(String(await listing)).toContain('closed');
  }, 15_000);

  it('ends a connection that is not to be kept alive, and connects again for the next call', async () => {
    const idle: (() => void)[] = [];
    const clock = { ...systemClock, setTimer: (delayMs: number, callback: () => void, options?: object) => {
      if (delayMs !== 5_000) return systemClock.setTimer(delayMs, callback, options);
      idle.push(callback);
      return { cancel() {} };
    } };
    const source = connect(odd({ keepAlive: false }), { clock });
    const pidTool = await toolOf(source, 'srv__pid');
    const first = Number((await pidTool.execute({}, callContext())).content);
    idle.at(-1)?.();
    await eventually(() => expect(isAlive(first)).toBe(false));
    expect(Number((await pidTool.execute({}, callContext())).content)).not.toBe(first);
  });

  it('starts nothing when it is only made', async () => {
    const folder = await temporaryFolder();
    const source = connect({ command: process.execPath, args: ['-e', `require('fs').writeFileSync(${JSON.stringify(join(folder, 'started'))}, '')`] });
    await source.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('leaves no orphan when its host is killed', async () => {
    const folder = await temporaryFolder();
    const script = `
      import { Client } from '@modelcontextprotocol/sdk/client/index.js';
      import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
      const transport = new StdioClientTransport({ command: process.execPath, args: [${JSON.stringify(office)}, ${JSON.stringify(folder)}] });
      await new Client({ name: 'host', version: '1' }).connect(transport);
      console.log(String(transport.pid)); // as text: a number is coloured where FORCE_COLOR is set
    `;
    const host = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void host.kill('SIGKILL'));
    const pid = await new Promise<number>((resolve) => host.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))));
    expect(isAlive(pid)).toBe(true);
    host.kill('SIGKILL');
    await eventually(() => expect(isAlive(pid)).toBe(false));
  });
});

describe('the office server of the examples', () => {
  const open = async () => {
    const folder = await temporaryFolder();
    const source = connect({ command: process.execPath, args: [office, folder] }, {}, {}, 'office');
    const call = async (tool: string, args: Record<string, string | number>, key = 'k1') => (await toolOf(source, `office__${tool}`)).execute(args, callContext({ idempotencyKey: key }));
    return { folder, source, call };
  };

  it('says of each tool whether it may be repeated', async () => {
    const { source } = await open();
    expect(Object.fromEntries((await source.tools()).map((tool) => [tool.name, tool.onUnknown]))).toEqual({
      office__list_files: 'retry', office__read_file: 'retry', office__write_note: 'retry', office__lookup_order: 'retry', office__issue_refund: 'ask', office__now: 'retry', office__system_load: 'retry',
    });
  });

  it('reads files of its directory and nothing outside of it', async () => {
    const { folder, call } = await open();
    await writeFile(join(folder, 'a.txt'), 'hello');
    await symlink('/etc/passwd', join(folder, 'link'));
    expect((await call('read_file', { path: 'a.txt' })).content).toBe('hello');
    expect((await call('list_files', {})).structured).toMatchObject({ files: expect.arrayContaining([{ name: 'a.txt', bytes: 5 }]) });
    for (const path of ['../x', '/etc/passwd', 'link', 'notes/../../x']) {
      const refused = await call('read_file', { path });
      expect(refused.isError).toBe(true);
      expect(refused.content).not.toContain('root:');
    }
  });

  it('writes a note once per idempotency key', async () => {
    const { folder, call } = await open();
    const first = await call('write_note', { title: 'Morning: load', body: 'fine' });
    const again = await call('write_note', { title: 'Morning: load', body: 'fine' });
    await call('write_note', { title: 'Morning: load', body: 'fine' }, 'k2');
    expect([first.structured, again.structured]).toMatchObject([{ written: true }, { written: false }]);
    expect(await readdir(join(folder, 'notes'))).toHaveLength(2);
  });

  it('refunds on every call, up to what was paid, into a ledger', async () => {
    const { folder, call } = await open();
    expect((await call('lookup_order', { order_id: 'A-1002' })).structured).toMatchObject({ cents: 5900 });
    await call('issue_refund', { order_id: 'A-1002', cents: 5900 });
    await call('issue_refund', { order_id: 'A-1002', cents: 100 });
    expect((await call('issue_refund', { order_id: 'A-1002', cents: 99_999 })).isError).toBe(true);
    expect((await call('issue_refund', { order_id: 'nope', cents: 1 })).isError).toBe(true);
    expect((await readFile(join(folder, 'refunds.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(2);
  });

  it('tells the time and the load', async () => {
    const { call } = await open();
    expect((await call('now', {})).structured).toHaveProperty('iso');
    expect((await call('system_load', {})).structured).toHaveProperty('one_minute');
  });
});
