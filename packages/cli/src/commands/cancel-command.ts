import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError } from '../errors.ts';
import { printable } from '../show/printable.ts';

/** `cortex cancel TASK`: nobody begins it any more; an agent that works on it is asked to stop. */
export async function cancelCommand(context: CommandContext, taskId: string, options: SharedOptions & { reason?: string; by?: string }): Promise<number> {
  const client = await context.connect(options);
  const isRevoked = await client.cancelTask(taskId, {
    by: options.by ?? `${context.environment['USER'] || 'operator'} (cortex cancel)`,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
  // Its agent may have stopped by now, or it had come to its end before.
  const result = isRevoked ? undefined : await client.taskResult(taskId);
  const cancelled = isRevoked || result?.errorCode === 'DISPATCH_CANCELLED';
  if (!cancelled && result !== undefined) throw new CommandError('TASK_ENDED', `task ${taskId} has ended already (${result.status}); its answer: cortex result ${taskId}`);
  show(context, options, { task_id: taskId, cancelled }, [
    cancelled ? `task ${printable(taskId)} is taken back` : `the agent of task ${printable(taskId)} is asked to stop; what comes of it: cortex result ${printable(taskId)}`,
  ]);
  return 0;
}
