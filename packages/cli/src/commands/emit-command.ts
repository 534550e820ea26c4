import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { jsonArgument } from '../json-argument.ts';
import { printable } from '../show/printable.ts';

/** `cortex emit TYPE [DATA]`: tells everybody who listens. */
export async function emitCommand(context: CommandContext, eventType: string, given: string | undefined, options: SharedOptions & { source?: string; id?: string }): Promise<number> {
  const data = given === undefined ? undefined : await jsonArgument('DATA', given, context.readInput);
  const client = await context.connect(options);
  const eventId = await client.emitEvent({
    eventType,
    ...(data === undefined ? {} : { data }),
    ...(options.source === undefined ? {} : { source: options.source }),
    ...(options.id === undefined ? {} : { eventId: options.id }),
  });
  show(context, options, { event_id: eventId }, [`${printable(eventType)} is told to everybody who listens, as event ${printable(eventId)}`]);
  return 0;
}
