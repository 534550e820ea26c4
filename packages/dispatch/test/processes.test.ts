import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { choices, isChaos } from './support/chaos.ts';
import { agent, freshPrefix, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';
import { TaskHistory } from './support/task-history.ts';
import type { WorkPoint } from './support/worker-program.ts';
import { linesOf, startWorker, temporaryDirectory, type Worker } from './support/worker.ts';

const timing = { leaseMs: 700, sweepMs: 100 };
const { shuffled } = choices();

/** A mesh with one task, whose workers are killed. */
async function mesh() {
  const streamPrefix = freshPrefix();
  const effects = join(temporaryDirectory(), 'effects');
  const bus = openRedisBus({ streamPrefix, ...timing });
  const history = new TaskHistory();
  await history.submit(openClient(bus), { taskId: 't', messageId: 'm', text: 'work', domain: 'eng' });
  return {
    /** How often the work was done. */
    effects: () => linesOf(effects).length,
    start: (journal: string, at?: WorkPoint): Promise<Worker> =>
      startWorker({
        bus: { url: redisUrl, streamPrefix, ...timing }, consumer: { identity: 'worker', domains: ['eng'] }, effects, journal,
        ...(at === undefined ? {} : { strike: { at, signal: 'SIGKILL' } }),
      }),
    startAnother: () =>
      agent(bus, async function* (prompt) {
        yield { kind: 'output', data: `${prompt}, by another` };
      }, { identity: 'another' }),
    /** Resolves when there is an outcome; its limit is far below the time after which work without a lease is taken over, so it was the lease that set the task free. */
    async outcome() {
      await until(async () => expect((await bus.inspect('results')).length).toBe(1));
      const { outcomes, open } = await history.check(rawClient(), streamPrefix);
      expect(open.size).toBe(0);
      return outcomes.get('t')?.[0];
    },
  };
}

/** How often the work of a task has been done when its worker dies there, and the task goes to another. */
const effectsAt = { 'after-read': 0, 'after-effect': 1, 'before-outcome': 1, 'after-outcome': 1 } as const;
type Crash = keyof typeof effectsAt;
const crashes = Object.keys(effectsAt) as Crash[];
const pairs = shuffled(crashes.flatMap((first) => crashes.map((second) => [first, second])));
const deathsOfWorkers = [...crashes.map((crash) => [crash]), ...(isChaos ? [...pairs, ...pairs, ...pairs] : pairs.slice(0, 1))].map((deaths): [string, Crash[]] => [deaths.join(', and its successor '), deaths]);

// D1
describe.skipIf(redisUrl === '')('a worker that is killed in the middle of a task', { timeout: 60_000 }, () => {
  it.each(deathsOfWorkers)('%s: others get it when its lease has run out, counted, and one outcome is recorded', async (_, deaths) => {
    const { start, startAnother, outcome, effects } = await mesh();
    for (const [index, death] of deaths.entries()) {
      const worker = await start(temporaryDirectory(), death);
      await worker.ended;
      await worker.says(`began t ${index + 1}`);
    }
    expect(effects()).toBe(deaths.reduce((sum, death) => sum + effectsAt[death], 0));
    await startAnother();
    expect(await outcome()).toMatchObject({ status: 'success', responseText: 'work, by another', attempts: deaths.length + 1 });
  });

  it('when its journal has the outcome: the same worker, started again, gives that and does not do the work again', async () => {
    const { start, outcome, effects } = await mesh();
    const journal = temporaryDirectory();
    const first = await start(journal, 'after-outcome');
    await first.ended;
    await start(journal);
    expect(await outcome()).toMatchObject({ status: 'success', responseText: `work, by ${first.child.pid}`, attempts: 1 });
    expect(effects()).toBe(1);
  });

  it('when its outcome has been recorded: nobody gets it again', async () => {
    const { start, startAnother, outcome, effects } = await mesh();
    const worker = await start(temporaryDirectory(), 'after-settle');
    await worker.ended;
    const another = await startAnother();
    expect(await outcome()).toMatchObject({ responseText: `work, by ${worker.child.pid}`, attempts: 1 });
    expect([effects(), another.results]).toEqual([1, []]);
  });
});
