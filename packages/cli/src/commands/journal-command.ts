import { setTimeout as wait } from 'node:timers/promises';

import { toDocument } from '@cortex-runtime/core';
import { JournalEntryReply } from '@cortex-runtime/orchestration-client/contract';

import type { CommandContext, SharedOptions } from '../command-context.ts';
import { entryLine } from '../show/entry-line.ts';
import { wholeNumber } from '../whole-number.ts';

/** Milliseconds between two looks at what is new. */
const followEveryMs = 300;

/** `cortex journal NAME`: the newest entries, oldest first; `-f` goes on. */
export async function journalCommand(context: CommandContext, name: string, options: SharedOptions & { lines: string; type?: string; follow?: boolean }): Promise<number> {
  const limit = wholeNumber('-n', options.lines, 1, 500);
  const client = await context.connect(options);
  const type = options.type === undefined ? {} : { type: options.type };
  const print = (entry: JournalEntryReply) =>
    context.terminal.out(options.json === true ? JSON.stringify(toDocument(JournalEntryReply, entry)) : entryLine(entry, process.stdout.columns ?? 120));
  const { entries, journalEnabled } = await client.getJournal(name, { limit, ...type });
  entries.forEach(print);
  if (entries.length === 0 && options.json !== true && options.follow !== true) {
    context.terminal.err(journalEnabled ? `${name} has no entries${options.type === undefined ? '' : ` of type ${options.type}`} yet` : `${name} keeps no journal (journal: level: none)`);
  }
  let sinceSeq = entries.at(-1)?.seq ?? 0;
  while (options.follow === true) {
    await wait(followEveryMs);
    const { entries: fresh } = await client.getJournal(name, { sinceSeq, direction: 'forward', limit: 500, ...type });
    fresh.forEach(print);
    sinceSeq = fresh.at(-1)?.seq ?? sinceSeq;
  }
  return 0;
}
