import { PassThrough } from 'node:stream';

import { onTestFinished } from 'vitest';

import { terminalChannel, type TerminalChannelOptions } from '../../src/node/index.ts';
import type { SeenInRoom } from '../../src/testing/index.ts';
import { clock, createId } from './mesh.ts';

/** A terminal, or pipes in its place, and everything that was written to it. */
export function openTerminal(options: TerminalChannelOptions = {}, given: { isTty?: boolean; columns?: number; clock?: typeof clock } = {}) {
  const input = Object.assign(new PassThrough(), { isTTY: given.isTty === true });
  const output = Object.assign(new PassThrough(), { isTTY: given.isTty === true, columns: given.columns ?? 80 });
  let written = '';
  output.setEncoding('utf8').on('data', (text: string) => (written += text));
  const channel = terminalChannel({ input, output, clock: given.clock ?? clock, createId }, options);
  onTestFinished(() => channel.close());
  return { channel, input, output, written: () => written, type: (text: string) => void input.write(text) };
}

/** What a person reads on a terminal without colours. */
export function readScreen(written: string): SeenInRoom & { notes: string[] } {
  const seen: SeenInRoom & { notes: string[] } = { answers: [], reactions: [], notes: [] };
  const forget = (agent: string) => void seen.answers.splice(seen.answers.findLastIndex((each) => each.agent === agent), 1);
  for (const line of written.replace(/\n$/, '').split('\n')) {
    const last = seen.answers.at(-1);
    const [, takenBack] = /^\u00b7 (.+) takes that back$/.exec(line) ?? [];
    const [, again] = /^\u00b7 (.+) in full:$/.exec(line) ?? [];
    const [, note] = /^\u00b7 (.*)$/.exec(line) ?? [];
    const [, agent, text = ''] = /^([^\s:][^:]*): (.*)$/.exec(line) ?? [];
    const gone = takenBack ?? again;
    if (gone !== undefined) forget(gone);
    else if (note !== undefined) seen.notes.push(note);
    else if (agent !== undefined) seen.answers.push({ agent, text });
    else if (last !== undefined) last.text += `\n${line.replace(/^ {2}/, '')}`;
  }
  for (const note of seen.notes) if (/^(eyes|hourglass_flowing_sand|white_check_mark|x|warning): /.test(note)) seen.reactions.push(note.split(':')[0] ?? '');
  return seen;
}
