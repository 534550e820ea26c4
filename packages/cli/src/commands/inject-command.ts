import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { UsageError } from '../errors.ts';
import { jsonArgument } from '../json-argument.ts';

/** `cortex inject NAME --payload JSON`: wakes an agent by hand. Ends when the event is durable, not when the run is done. */
export async function injectCommand(context: CommandContext, name: string, given: string | undefined, options: SharedOptions & { type?: string; eventId?: string }): Promise<number> {
  if (given === undefined) throw new UsageError(`say what happened: cortex inject ${name} --payload '{"hello": "there"}'`);
  const payload = await jsonArgument('--payload', given, context.readInput);
  const client = await context.connect(options);
  const reply = await client.inject(name, {
    payload,
    ...(options.type === undefined ? {} : { triggerType: options.type }),
    ...(options.eventId === undefined ? {} : { eventId: options.eventId }),
  });
  show(context, options, { status: reply.status, event_id: reply.eventId, process: reply.process }, [
    reply.status === 'accepted' ? `${name} has taken event ${reply.eventId}; see what comes of it: cortex journal ${name} -f` : `${name} had taken event ${reply.eventId} before; nothing runs again`,
  ]);
  return 0;
}
