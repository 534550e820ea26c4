import { setTimeout as wait } from 'node:timers/promises';

import { CortexError } from '@cortex-runtime/core';
import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import type { TaskResult } from '@cortex-runtime/orchestration-client/contract';

/** Milliseconds that one request waits. */
const askMs = 20_000;
/** Milliseconds before a host that did not answer is asked again. */
const retryMs = 500;

export interface AwaitTaskOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** Told of the first of several failures that may pass. */
  onTrouble: (error: unknown) => void;
}

/**
 * The result of a task; undefined when there is none in time. Failures that may pass, such as a host that is being restarted, last at most as long as the time; a task that
 * is only looked for, with a time of 0, fails at once.
 *
 * @param connect - is called for each request: a host that comes back may listen elsewhere
 * @throws an AbortError, or the signal's reason, when it is aborted
 */
export async function awaitTask(connect: () => Promise<OrchestrationClient>, taskId: string, { timeoutMs, signal, onTrouble }: AwaitTaskOptions): Promise<TaskResult | undefined> {
  const deadline = performance.now() + timeoutMs;
  let isTroubled = false;
  for (;;) {
    const leftMs = Math.max(0, deadline - performance.now());
    try {
      const client = await connect();
      const result = await client.taskResult(taskId, { waitMs: Math.min(askMs, leftMs) }, { signal });
      if (result !== undefined) return result;
      isTroubled = false;
    } catch (error) {
      signal.throwIfAborted();
      if (timeoutMs === 0 || !mayPass(error)) throw error;
      if (!isTroubled) onTrouble(error);
      isTroubled = true;
      await wait(Math.min(retryMs, leftMs), undefined, { signal });
    }
    if (performance.now() >= deadline) return undefined;
  }
}

function mayPass(error: unknown): boolean {
  return CortexError.is(error) && (error.retryable || error.code === 'HOST_NOT_RUNNING');
}
