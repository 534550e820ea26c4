import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readHostFile } from '@cortex-runtime/host';

import type { CommandContext } from './command-context.ts';
import type { StartOptions } from './commands/start-command.ts';
import { connect } from './connect.ts';
import { CommandError } from './errors.ts';
import { pollUntil } from './poll-until.ts';
import { counted } from './show/amounts.ts';
import { show } from './command-context.ts';

/** Longer than any start that goes well. */
const startTimeoutMs = 60_000;

/** Starts a host in a process of its own, which lives on when this one ends, and waits until its agents are at work. */
export async function startDetached(context: CommandContext, paths: readonly string[], options: StartOptions, dataDirectory: string): Promise<number> {
  mkdirSync(join(dataDirectory, 'logs'), { recursive: true, mode: 0o700 });
  const outputFile = join(dataDirectory, 'logs', 'start.log');
  const output = openSync(outputFile, 'w', 0o600);
  const flags = (['host', 'port', 'dataDir', 'token'] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [`--${name === 'dataDir' ? 'data-dir' : name}`, value];
  });
  const script = `const { main } = await import(${JSON.stringify(context.entry)}); process.exitCode = await main(${JSON.stringify(['start', ...paths, ...flags, '--no-color'])});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: context.workingDirectory,
    env: context.environment as NodeJS.ProcessEnv,
    detached: true,
    stdio: ['ignore', output, output],
  });
  let hasEnded = false;
  child.once('exit', () => (hasEnded = true));
  child.once('error', () => (hasEnded = true));

  const isAtWork = async () => {
    if (hasEnded) return true;
    if (readHostFile(dataDirectory)?.pid !== child.pid) return false;
    return connect({ ...options, dataDir: dataDirectory }, context.environment, context.workingDirectory).ready().then(() => true, () => false);
  };
  const isDone = await pollUntil(isAtWork, { timeoutMs: startTimeoutMs, everyMs: 100 });
  if (hasEnded) throw new CommandError('START_FAILED', lastWords(outputFile));
  child.unref();
  if (!isDone) throw new CommandError('STILL_STARTING', `the host (pid ${child.pid ?? 0}) is still starting after ${startTimeoutMs / 1_000} s; see ${outputFile}`);

  const client = connect({ ...options, dataDir: dataDirectory }, context.environment, context.workingDirectory);
  const processes = await client.listProcesses();
  const url = new URL(client.baseUrl).origin;
  show(context, options, { pid: child.pid, url, agents: processes.map(({ name, state }) => ({ name, state })) }, [
    `${counted(processes.length, 'agent')} at work at ${url}, pid ${child.pid ?? 0}`,
    '  see them:   cortex status',
    '  stop them:  cortex stop',
  ]);
  return 0;
}

/** What a host that could not start said last. */
function lastWords(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line.trim() !== '');
  const error = lines.findLast((line) => line.startsWith('error: '));
  return error?.slice('error: '.length) ?? lines.at(-1) ?? 'the host ended without a word; see its log with: cortex logs';
}
