import { describe, expect, it } from 'vitest';

import { choices, isChaos } from './support/chaos.ts';
import { freshPrefix, openClient, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';
import { TaskHistory } from './support/task-history.ts';
import { keepWorkers } from './support/worker.ts';

const timing = { leaseMs: 700, sweepMs: 100 };
const maxRetries = 1;
const attempts = maxRetries + 1;
const [goodTasks, ofEachPoison] = isChaos ? [10_000, 33] : [200, 2];
const { shuffled } = choices();

const deadly = ['exit', 'exhaust'];
const poisons = ['throw', ...deadly];

// D14
describe.skipIf(redisUrl === '')('tasks that fail, end their process, or exhaust its memory', { timeout: isChaos ? 600_000 : 120_000 }, () => {
  it('become dead letters with what each attempt came to, and all others are done, once each', async () => {
    const streamPrefix = freshPrefix();
    const bus = openRedisBus({ streamPrefix, maxRetries, ...timing });
    const client = openClient(bus);
    const history = new TaskHistory();
    const texts = shuffled([...Array.from({ length: goodTasks }, () => 'good'), ...poisons.flatMap((poison) => Array.from({ length: ofEachPoison }, () => poison))]);
    const textOf = new Map(texts.map((text, index) => [`${index}-${text}`, text]));
    await Promise.all([...textOf].map(([taskId, text]) => history.submit(client, { taskId, messageId: taskId, text, domain: 'eng' })));
    expect(history.refusals).toEqual([]);

    const worker = { bus: { url: redisUrl, streamPrefix, maxRetries, retryBackoffBaseMs: 50, ...timing }, consumer: { identity: 'forge', domains: ['eng'], concurrency: 4, resultsKept: 20_000 }, workMs: 2 };
    const { deaths } = await keepWorkers(2, worker, { nodeOptions: ['--max-old-space-size=64'], isSilent: true });
    await until(async () => expect((await bus.inspect('results')).length).toBe(textOf.size), isChaos ? 500_000 : 100_000);

    const { outcomes, open, deadLetters } = await history.check(rawClient(), streamPrefix);
    expect(open.size).toBe(0);
    const expected = { good: { status: 'success' }, throw: { status: 'failure', error: expect.stringMatching(/poison|stopped/) as string, attempts }, exit: { errorCode: 'DISPATCH_EXHAUSTED', attempts }, exhaust: { errorCode: 'DISPATCH_EXHAUSTED', attempts } };
    for (const [taskId, text] of textOf) expect(outcomes.get(taskId), taskId).toMatchObject([expected[text as keyof typeof expected]]);
    expect([...deadLetters].toSorted()).toEqual([...textOf.keys()].filter((taskId) => !taskId.endsWith('good')).toSorted());
    const [fell, ended, givenUp] = ['poison', expect.stringContaining('stopped without settling') as string, expect.stringContaining('given up after 2 attempts') as string];
    for (const { errors, payload } of await bus.deadLetters('tasks:eng', { limit: 1_000 })) {
      const { text } = JSON.parse(Buffer.from(payload).toString()) as { text: string };
      // One that only throws may also have been beside one that ends the process.
      if (text === 'throw') expect([[fell, fell], [fell, ended, givenUp], [ended, fell], [ended, ended, givenUp]]).toContainEqual(errors);
      else expect(errors).toEqual([ended, ended, givenUp]);
    }
    // Each attempt of a deadly task costs a process at most, and nothing else does.
    expect(deaths()).toBeGreaterThan(0);
    expect(deaths()).toBeLessThanOrEqual(deadly.length * ofEachPoison * attempts);
  });
});
