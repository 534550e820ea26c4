import { parseDurationMs } from '@cortex-runtime/core';

import type { CommandContext, SharedOptions } from '../command-context.ts';
import { showAnswer } from '../show-answer.ts';

/** `cortex result TASK`: the answer of a task, or that there is none yet. */
export async function resultCommand(context: CommandContext, taskId: string, options: SharedOptions & { timeout: string }): Promise<number> {
  return showAnswer(context, taskId, parseDurationMs(options.timeout, 's', '--timeout'), options);
}
