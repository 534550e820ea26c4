import { describe, expect, it } from 'vitest';

import { OrchestrationError, type OrchestrationClient } from '@cortex-runtime/orchestration-client';

import { awaitTask } from './await-task.ts';
import { CommandError } from './errors.ts';

const unreachable = new OrchestrationError({ status: 0, code: 'HOST_UNREACHABLE', message: 'no answer' });
const full = new OrchestrationError({ status: 503, code: 'BUS_CONNECTION', message: 'no broker' });
const notRunning = new CommandError('HOST_NOT_RUNNING', 'no host runs');
const unknown = new OrchestrationError({ status: 404, code: 'TASK_NOT_FOUND', message: 'no such task' });
const result = { taskId: 't', status: 'success', responseText: 'Done.' };

/** Hosts that are there one after another: an error is one that can not be reached. */
function hosts(...answers: unknown[]) {
  const waits: (number | undefined)[] = [];
  const troubles: unknown[] = [];
  const next = () => {
    const answer = answers.shift();
    if (answer instanceof CommandError) throw answer;
    return {
      taskResult: (_taskId: string, { waitMs }: { waitMs?: number }) => {
        waits.push(waitMs);
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
    } as unknown as OrchestrationClient;
  };
  const await_ = (timeoutMs: number, signal = new AbortController().signal) => awaitTask(async () => next(), 't', { timeoutMs, signal, onTrouble: (error) => troubles.push(error) });
  return { await_, waits, troubles, left: () => answers.length };
}

describe('awaitTask', () => {
  it('asks anew, in pieces, until there is a result', async () => {
    const { await_, waits } = hosts(undefined, undefined, result);
    expect(await await_(3_600_000)).toBe(result);
    expect(waits).toEqual([20_000, 20_000, 20_000]);
  });

  it('outlives a host that is being restarted, and says once that it is away', async () => {
    const { await_, troubles } = hosts(undefined, unreachable, notRunning, full, undefined, unreachable, result);
    expect(await await_(3_600_000)).toBe(result);
    expect(troubles).toEqual([unreachable, unreachable]);
  });

  it('ends at once with what does not pass', async () => {
    const { await_, left } = hosts(undefined, unknown, result);
    await expect(await_(3_600_000)).rejects.toBe(unknown);
    expect(left()).toBe(1);
  });

  it('looks once when there is no time, and then says what is wrong', async () => {
    const { await_, waits } = hosts(undefined, unreachable, notRunning);
    expect(await await_(0)).toBeUndefined();
    await expect(await_(0)).rejects.toBe(unreachable);
    await expect(await_(0)).rejects.toBe(notRunning);
    expect(waits).toEqual([0, 0]);
  });

  it('ends when the time is over, also while the host is away', async () => {
    const { await_, troubles } = hosts(unreachable);
    expect(await await_(1)).toBeUndefined();
    expect(troubles).toEqual([unreachable]);
  });

  it('ends when it is told to, between two requests too', async () => {
    const ending = new AbortController();
    const { await_, troubles } = hosts(unreachable);
    const waiting = await_(3_600_000, ending.signal);
    waiting.catch(() => {});
    await expect.poll(() => troubles, { timeout: 30_000 }).toEqual([unreachable]);
    ending.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
