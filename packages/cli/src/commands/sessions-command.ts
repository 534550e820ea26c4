import { toDocument } from '@cortex-runtime/core';
import { SessionList, TranscriptReply } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { clip, printable } from '../show/printable.ts';
import { tableLines } from '../show/table.ts';
import { wholeNumber } from '../whole-number.ts';

/** `cortex sessions`: the conversations of the agents, the most recently active first. `cortex sessions ID`: what was said in one. */
export async function sessionsCommand(context: CommandContext, sessionId: string | undefined, options: SharedOptions & { lines: string }): Promise<number> {
  const limit = wholeNumber('-n', options.lines, 1, 1_000);
  const client = await context.connect(options);
  if (sessionId !== undefined) {
    const transcript = await client.getTranscript(sessionId, { limit });
    const lines = transcript.messages.flatMap(({ seq, sender, senderId, isBot, text, sentAt }) => [
      context.terminal.colors.dim(printable(`${sentAt.slice(0, 19)}  ${seq}  ${isBot ? 'agent' : 'person'} ${clip(sender === '' ? senderId : sender, 60)}`)),
      ...text.split('\n').map((line) => `  ${printable(line)}`),
    ]);
    show(context, options, toDocument(TranscriptReply, transcript), lines.length === 0 ? ['nothing was said yet'] : lines);
    return 0;
  }
  const sessions = await client.listSessions({ limit });
  const { head, body } = tableLines(
    [{ title: 'SESSION', maxWidth: 36 }, { title: 'CHANNEL', maxWidth: 16 }, { title: 'DOMAIN', maxWidth: 10 }, { title: 'THREAD', maxWidth: 30 }, { title: 'STATE', maxWidth: 7 }, { title: 'TURNS', maxWidth: 6, align: 'right' }, { title: 'LAST', maxWidth: 19 }],
    sessions.map((session) => [session.sessionId, session.channel, session.domain, session.threadId, session.state, String(session.messageCount), session.lastActivityAt.slice(0, 19)]),
  );
  show(context, options, toDocument(SessionList.shape.sessions, sessions), sessions.length === 0 ? ['there are no conversations'] : [context.terminal.colors.dim(head), ...body]);
  return 0;
}
