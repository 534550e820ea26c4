import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { agent, freshPrefix, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';
import { TaskHistory } from './support/task-history.ts';
import type { WorkerProgramOptions, WorkPoint } from './support/worker-program.ts';
import { linesOf, startWorker, temporaryDirectory } from './support/worker.ts';

const timing = { leaseMs: 700, sweepMs: 100 };

/** A worker in a process of its own that does not show life for a while, and others who take over. */
async function mesh() {
  const streamPrefix = freshPrefix();
  const effects = join(temporaryDirectory(), 'effects');
  const bus = openRedisBus({ streamPrefix, ...timing });
  const client = openClient(bus);
  const history = new TaskHistory();
  return {
    effects: () => linesOf(effects),
    submit: (taskId: string, destination = {}) => history.submit(client, { taskId, messageId: taskId, text: taskId, domain: 'eng' }, destination),
    start: (options: Partial<WorkerProgramOptions> = {}, concurrency = 1) =>
      startWorker({ bus: { url: redisUrl, streamPrefix, ...timing }, consumer: { identity: 'sleeper', domains: ['eng'], concurrency }, effects, journal: temporaryDirectory(), ...options }),
    startAnother: () =>
      agent(bus, async function* (prompt) {
        yield { kind: 'output', data: `${prompt}, by another` };
      }, { identity: 'another' }),
    /** Resolves when so many tasks have their outcome, and none is left. */
    async outcomes(count: number) {
      await until(async () => expect((await bus.inspect('results')).length).toBe(count));
      const { outcomes, open } = await history.check(rawClient(), streamPrefix);
      expect(open.size).toBe(0);
      return outcomes;
    },
  };
}

describe.skipIf(redisUrl === '')('a worker that does not show life for longer than its lease', { timeout: 60_000 }, () => {
  // D2, F6: SIGSTOP past the lease, another takes over, SIGCONT.
  it.each<[string, WorkPoint]>([
    ['at work', 'after-effect'],
    ['between its outcome and the journal', 'before-outcome'],
    ['between the journal and the bus', 'after-outcome'],
  ])('because it was stopped %s: what it has worked out is refused when it wakes up, and it goes on with other tasks', async (_, at) => {
    const { submit, start, startAnother, outcomes, effects } = await mesh();
    await submit('t');
    const sleeper = await start({ strike: { at, signal: 'SIGSTOP' } });
    await until(() => expect(effects()).toEqual(['t']));
    await startAnother();
    expect((await outcomes(1)).get('t')?.[0]).toMatchObject({ responseText: 't, by another', attempts: 2 });
    sleeper.child.kill('SIGCONT');
    await sleeper.says('notice bus.lease_lost');
    await submit('for it alone', { agent: 'sleeper' });
    await sleeper.says('done for it alone success');
    const all = await outcomes(2);
    expect(all.get('t')).toMatchObject([{ responseText: 't, by another' }]);
    expect(sleeper.said.filter((line) => line.startsWith('done t '))).toEqual([]);
  });

  // D3: a `while` loop of twice the lease, and more than a second, from which `health` speaks of it.
  it('because a task blocks its event loop: its tasks go to others, its result is refused, and its health says that it stalled', async () => {
    const { submit, start, startAnother, outcomes } = await mesh();
    for (const taskId of ['blocks', 'beside', 'behind']) await submit(taskId);
    const blocked = await start({ blockMs: 2_500, workMs: 100 }, 2);
    await blocked.says('began');
    await startAnother();
    for (const [taskId, results] of await outcomes(3)) expect(results).toMatchObject([{ responseText: `${taskId}, by another`, attempts: taskId === 'behind' ? 1 : 2 }]);
    await blocked.says('notice bus.lease_lost');
    blocked.child.kill('SIGUSR2');
    expect(JSON.parse((await blocked.says('health')).slice('health '.length))).toMatchObject({ ok: true, details: { stalledForMs: expect.any(Number) as number } });
    await submit('for it alone', { agent: 'sleeper' });
    await blocked.says('done for it alone success');
    await outcomes(4);
    expect(blocked.said.filter((line) => line.startsWith('done'))).toHaveLength(1);
  });
});
