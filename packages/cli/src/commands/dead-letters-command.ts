import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { UsageError } from '../errors.ts';
import { clockTime, counted } from '../show/amounts.ts';
import { tableLines } from '../show/table.ts';

/** `cortex dead-letters NAME`: lists, gives back or forgets the events that an agent gave up on. */
export async function deadLettersCommand(context: CommandContext, name: string, options: SharedOptions & { redeliver?: string | boolean; clear?: boolean }): Promise<number> {
  if (options.redeliver !== undefined && options.clear === true) throw new UsageError('choose one of --redeliver and --clear');
  const client = await context.connect(options);
  if (options.clear === true) {
    const cleared = await client.clearDeadLetters(name);
    show(context, options, { name, cleared }, [`${name}: forgot ${counted(cleared, 'dead letter')}; the journal keeps their story`]);
    return 0;
  }
  if (options.redeliver !== undefined) {
    const redelivered = await client.redeliver(name, typeof options.redeliver === 'string' ? { eventId: options.redeliver } : {});
    show(context, options, { name, redelivered }, [`${name}: took ${counted(redelivered.length, 'event')} back in`, ...redelivered.map((id) => `  ${id}`)]);
    return 0;
  }
  const letters = await client.listDeadLetters(name);
  const { head, body } = tableLines(
    [{ title: 'WHEN', maxWidth: 8 }, { title: 'EVENT', maxWidth: 36 }, { title: 'TRIES', maxWidth: 5, align: 'right' }, { title: 'REASON', maxWidth: 60 }],
    letters.map((letter) => [clockTime(letter.deadLetteredAt ?? ''), letter.eventId, String(letter.attempts), letter.error === undefined || letter.error === null ? letter.reason : `${letter.reason}: ${letter.error}`]),
  );
  show(context, options, letters.map(({ eventId, reason, error, attempts, deadLetteredAt, event }) => ({ event_id: eventId, reason, error, attempts, dead_lettered_at: deadLetteredAt, event })),
    letters.length === 0 ? [`${name} has no dead letters`] : [context.terminal.colors.dim(head), ...body]);
  return 0;
}
