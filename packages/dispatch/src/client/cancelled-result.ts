import type { Envelope } from '@cortex-runtime/bus';

import { TaskResult } from '../task/task-result.ts';
import { readTaskPayload, type TaskPayload } from '../task/task-payload.ts';

/** The outcome of a task that was taken back. */
export function cancelledResult(entry: Envelope, taskId: string, { by, reason }: { by?: string; reason?: string }): TaskResult {
  let payload: TaskPayload | undefined;
  try {
    payload = readTaskPayload(JSON.parse(Buffer.from(entry.payload).toString()));
  } catch {
    payload = undefined; // what can not be read can be taken back all the same
  }
  const why = `cancelled${by === undefined ? '' : ` by ${by}`}${reason === undefined ? '' : `: ${reason}`}`;
  return TaskResult.parse({
    taskId, messageId: payload?.messageId ?? '', agent: '', status: 'failure', error: why, errorCode: 'DISPATCH_CANCELLED',
    domain: payload?.domain ?? '', sender: payload?.sender ?? '', text: (payload?.text ?? '').slice(0, 100), sessionId: payload?.sessionId ?? null,
  });
}
