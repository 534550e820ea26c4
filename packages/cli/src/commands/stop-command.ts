import { isAlive } from '@cortex-runtime/host';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError } from '../errors.ts';
import { pollUntil } from '../poll-until.ts';

/** `cortex stop [NAME]`: one agent, or the whole host, which drains first. */
export async function stopCommand(context: CommandContext, name: string | undefined, options: SharedOptions & { timeout?: string }): Promise<number> {
  const client = await context.connect(options);
  if (name !== undefined) {
    const reply = await client.stopProcess(name);
    show(context, options, reply, [`${reply.name} is ${reply.state}; it stays so until "cortex restart ${reply.name}"`]);
    return 0;
  }
  const { pid } = await client.shutdown();
  if (options.json !== true) context.terminal.err(`stopping the host (pid ${pid}): running work is finished first`);
  const hasStopped = () => (options.url === undefined ? Promise.resolve(!isAlive(pid)) : client.health().then(() => false, () => true));
  if (!(await pollUntil(hasStopped, { timeoutMs: 90_000 }))) {
    throw new CommandError('STILL_STOPPING', `the host (pid ${pid}) still finishes its work; it ends by itself, or end it with: kill -9 ${pid} (nothing acknowledged is lost)`);
  }
  show(context, options, { status: 'stopped', pid }, ['the host has stopped']);
  return 0;
}
