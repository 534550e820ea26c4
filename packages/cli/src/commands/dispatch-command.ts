import { CortexError, idGenerator, nearestName, parseDurationMs, toDocument } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { SubmitTaskReply, TaskPriorityName } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printable } from '../show/printable.ts';
import { showAnswer } from '../show-answer.ts';

export interface DispatchOptions extends SharedOptions {
  agent?: string;
  domain?: string;
  priority?: string;
  thread?: string;
  id?: string;
  timeout: string;
  wait: boolean;
}

/** `cortex dispatch TEXT…`: hands in a task, waits for its answer and prints it. The task goes on when the waiting ends. */
export async function dispatchCommand(context: CommandContext, words: readonly string[], options: DispatchOptions): Promise<number> {
  if (options.agent !== undefined && options.domain !== undefined) throw new UsageError('choose one of --agent and --domain');
  const priority = options.priority === undefined ? undefined : priorityNamed(options.priority);
  const timeoutMs = parseDurationMs(options.timeout, 's', '--timeout');
  const text = words.length === 1 && words[0] === '-' ? (await context.readInput()).trimEnd() : words.join(' ');
  if (text.trim() === '') throw new UsageError('say what is to be done: cortex dispatch "…"');

  const client = await context.connect(options);
  // With an id of ours it is safe to hand the task in again, whatever became of the first time.
  const taskId = options.id ?? idGenerator({ clock: systemClock, random: systemRandom })();
  const task = {
    text,
    taskId,
    ...(options.agent === undefined ? {} : { agent: options.agent }),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    ...(priority === undefined ? {} : { priority }),
    ...(options.thread === undefined ? {} : { threadId: options.thread }),
    sender: context.environment['USER'] || 'operator',
  };
  const submitted = await client.submitTask(task).catch((error: unknown) => {
    if (!CortexError.is(error) || !error.retryable) throw error;
    throw new CommandError(error.code, `the task may not have been taken; hand it in again with --id ${taskId}, which is safe`, { cause: error });
  });
  if (!options.wait) {
    show(context, options, toDocument(SubmitTaskReply, submitted), [whereabouts(submitted), `  its answer:    cortex result ${taskId}`, `  take it back:  cortex cancel ${taskId}`]);
    return 0;
  }
  if (options.json !== true) context.terminal.err(context.terminal.colors.dim(`${whereabouts(submitted)}; Ctrl-C ends the waiting, not the task`));
  return showAnswer(context, taskId, timeoutMs, options);
}

function priorityNamed(name: string): TaskPriorityName {
  const priorities = TaskPriorityName.options;
  const known = priorities.find((each) => each === name);
  if (known !== undefined) return known;
  const near = nearestName(name, priorities);
  throw new UsageError(`there is no priority ${JSON.stringify(name)}${near === undefined ? '' : `; did you mean ${near}?`}; priorities are ${priorities.join(', ')}`);
}

function whereabouts({ status, taskId, agent, domain }: SubmitTaskReply): string {
  if (status === 'duplicate') return `task ${printable(taskId)} had been handed in before`;
  return `task ${printable(taskId)} is for ${agent === null ? `any agent of the domain ${printable(domain ?? '')}` : printable(agent)}`;
}
