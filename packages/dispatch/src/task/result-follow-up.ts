import type { FollowUp } from '@cortex-runtime/bus';

import { writeTaskResult, type TaskResult } from './task-result.ts';
import { RESULTS_STREAM } from './task-streams.ts';

/** A result as it is published: whoever reads the stream gets it, and while nobody does the newest are kept. */
export function resultFollowUp(result: TaskResult, resultsKept: number, written = writeTaskResult(result)): FollowUp & { msgType: string } {
  return { stream: RESULTS_STREAM, payload: written, msgType: 'result', maxLength: resultsKept, whileUnread: 'trim' };
}
