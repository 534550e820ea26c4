import type { Delivery } from '@cortex-runtime/bus';
import { describeError } from '@cortex-runtime/core';

import { TaskResult } from '../task/task-result.ts';

/**
 * The outcome of what came as a task and can not be read, for whoever waits for it, as far as it can be told who that is: ids that it does not have are that of its entry, as
 * the Python library reads no result without them.
 */
export function unreadableResult(delivery: Delivery, error: unknown, agent: string): TaskResult {
  const ids = readIds(delivery);
  return TaskResult.parse({
    taskId: ids.taskId ?? delivery.msgId, messageId: ids.messageId ?? delivery.msgId, agent, status: 'failure',
    error: `the task can not be read: ${describeError(error)}`, errorCode: 'DISPATCH_UNREADABLE', attempts: delivery.deliveryCount,
  });
}

/** The ids of what is no task, if it has any. */
function readIds(delivery: Delivery): { taskId: string | undefined; messageId: string | undefined } {
  try {
    const raw = delivery.json() as Record<string, unknown> | null;
    const of = (name: string) => (typeof raw?.[name] === 'string' && raw[name] !== '' ? raw[name].slice(0, 400) : undefined);
    return { taskId: of('task_id'), messageId: of('message_id') };
  } catch {
    return { taskId: undefined, messageId: undefined };
  }
}
