import { setTimeout as wait } from 'node:timers/promises';

import { readLogFile, type LogPage } from '@cortex-runtime/host';

import type { CommandContext, SharedOptions } from '../command-context.ts';
import { dataDirectoryOf } from '../connect.ts';
import { clockTime } from '../show/amounts.ts';
import { clip, printable } from '../show/printable.ts';
import { wholeNumber } from '../whole-number.ts';

const followEveryMs = 300;

/** `cortex logs [NAME]`: the newest lines of the host's log, oldest first; `-f` goes on. Reads the file itself, so that it also works when the host is gone. */
export async function logsCommand(context: CommandContext, name: string | undefined, options: SharedOptions & { lines: string; follow?: boolean }): Promise<number> {
  const limit = wholeNumber('-n', options.lines, 0, 1_000);
  const about = name === undefined ? {} : { process: name };
  const read = await reader(context, options);
  const print = ({ lines }: LogPage) => {
    for (const line of lines) context.terminal.out(options.json === true ? JSON.stringify(line) : logLine(line, context));
  };
  let page = await read({ limit, ...about });
  print(page);
  if (page.lines.length === 0 && options.follow !== true && options.json !== true) context.terminal.err(name === undefined ? 'the log is empty' : `the log says nothing about ${name}`);
  while (options.follow === true) {
    await wait(followEveryMs);
    page = await read({ limit: 1_000, after: page.cursor, ...about });
    print(page);
  }
  return 0;
}

async function reader(context: CommandContext, options: SharedOptions): Promise<(query: { limit: number; after?: string; process?: string }) => Promise<LogPage>> {
  if (options.url === undefined) {
    const dataDirectory = dataDirectoryOf(options, context.environment, context.workingDirectory);
    return (query) => readLogFile(dataDirectory, query);
  }
  const client = await context.connect(options);
  return (query) => client.logs(query);
}

const known = new Set(['level', 'time', 'msg', 'process']);

function logLine(line: Record<string, unknown>, { terminal: { colors } }: CommandContext): string {
  const text = (key: string) => printable(typeof line[key] === 'string' ? line[key] : '');
  const level = text('level');
  const paint = level === 'error' ? colors.red : level === 'warn' ? colors.yellow : (plain: string) => plain;
  const facts = Object.entries(line).filter(([key]) => !known.has(key)).map(([key, value]) => `${key}=${clip(printable(typeof value === 'string' ? value : JSON.stringify(value)), 200)}`);
  const who = text('process');
  return [colors.dim(clockTime(text('time'))), paint(level.padEnd(5)), ...(who === '' ? [] : [who]), paint(text('msg')), colors.dim(facts.join(' '))].filter((part) => part !== '').join('  ');
}
