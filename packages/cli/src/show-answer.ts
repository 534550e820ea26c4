import { formatDuration, toDocument } from '@cortex-runtime/core';
import { TaskResultReply, type TaskResult } from '@cortex-runtime/orchestration-client/contract';

import { awaitTask } from './await-task.ts';
import { show, type CommandContext, type SharedOptions } from './command-context.ts';
import { describeProblem } from './describe-problem.ts';
import { CommandError } from './errors.ts';
import { shortDuration } from './show/amounts.ts';
import { printable } from './show/printable.ts';
import { untilInterrupted } from './until-interrupted.ts';

/** What a shell says of a command that Ctrl-C has ended. */
const interruptedExitCode = 130;

/** Waits for the answer of a task and prints it. Whatever ends the waiting, the task goes on. */
export async function showAnswer(context: CommandContext, taskId: string, timeoutMs: number, options: SharedOptions): Promise<number> {
  const { terminal } = context;
  const isJson = options.json === true;
  const showPending = () => terminal.out(JSON.stringify(toDocument(TaskResultReply, { status: 'pending', taskId }), null, 2));
  const next = `look again: cortex result ${printable(taskId)}; take it back: cortex cancel ${printable(taskId)}`;
  return untilInterrupted(async (signal) => {
    let result: TaskResult | undefined;
    try {
      result = await awaitTask(() => context.connect(options), taskId, {
        timeoutMs,
        signal,
        onTrouble: (error) => terminal.err(terminal.colors.yellow(`${describeProblem(error).message}; the host is asked again until the time is over`)),
      });
    } catch (error) {
      if (!signal.aborted) throw error;
      if (isJson) showPending();
      else terminal.err(`task ${printable(taskId)} goes on; ${next}`);
      return interruptedExitCode;
    }
    if (result !== undefined) return showResult(context, taskId, result, options);
    if (!isJson) throw new CommandError('TASK_PENDING', `task ${taskId} has no answer ${timeoutMs === 0 ? 'yet' : `after ${formatDuration(timeoutMs)}`} and goes on; ${next}`);
    showPending();
    return 1;
  });
}

function showResult(context: CommandContext, taskId: string, result: TaskResult, options: SharedOptions): number {
  const { agent, status, responseText, error, errorCode, durationMs } = result;
  show(context, options, toDocument(TaskResultReply, { status: 'done', taskId, result }), responseText === null ? [] : responseText.split('\n').map(printable));
  if (options.json === true) return status === 'success' ? 0 : 1;
  const who = agent === '' ? 'an agent' : agent;
  if (status === 'failure') throw new CommandError('TASK_FAILED', `task ${taskId} of ${who} failed${errorCode === null ? '' : ` (${errorCode})`}: ${error ?? 'it did not say why'}`);
  context.terminal.err(context.terminal.colors.dim(printable(`answered by ${who}${durationMs === null ? '' : ` in ${shortDuration(durationMs)}`}`)));
  return 0;
}
