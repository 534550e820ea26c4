import { show, type CommandContext, type SharedOptions } from '../command-context.ts';

/** `cortex restart|suspend|resume NAME`. */
export async function controlCommand(context: CommandContext, verb: 'restart' | 'suspend' | 'resume', name: string, options: SharedOptions): Promise<number> {
  const client = await context.connect(options);
  const act = { restart: client.restartProcess, suspend: client.suspendProcess, resume: client.resumeProcess }[verb];
  const reply = await act(name);
  show(context, options, reply, [`${reply.name} is ${reply.state}`]);
  return 0;
}
