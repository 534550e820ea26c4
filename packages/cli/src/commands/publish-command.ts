import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { UsageError } from '../errors.ts';
import { jsonArgument } from '../json-argument.ts';
import { printable } from '../show/printable.ts';

/** `cortex publish TOPIC TEXT`: what is said is a text, whatever it looks like; `--content` is for JSON. */
export async function publishCommand(context: CommandContext, topic: string, text: string | undefined, options: SharedOptions & { content?: string; sender?: string; id?: string }): Promise<number> {
  const content = await contentOf(context, topic, text, options.content);
  const client = await context.connect(options);
  const messageId = await client.publishMessage(topic, {
    content,
    sender: options.sender ?? (context.environment['USER'] || 'operator'),
    ...(options.id === undefined ? {} : { messageId: options.id }),
  });
  show(context, options, { message_id: messageId }, [`published to ${printable(topic)} as message ${printable(messageId)}`]);
  return 0;
}

async function contentOf({ readInput }: CommandContext, topic: string, text: string | undefined, json: string | undefined): Promise<unknown> {
  if (text !== undefined && json !== undefined) throw new UsageError('choose one of a text and --content');
  if (json !== undefined) return jsonArgument('--content', json, readInput);
  if (text === undefined) throw new UsageError(`say what to publish: cortex publish ${topic} "…", or --content '{"order_id": "A-1001"}'`);
  return text === '-' ? (await readInput()).trimEnd() : text;
}
