import { randomUUID } from 'node:crypto';

import { Keyspace } from '@cortex-runtime/bus';
import { describe, expect, it } from 'vitest';

import { RedisAgentRegistry } from '../src/redis/index.ts';
import { submitFromProcesses, type ConductorAnswers } from './support/conductor.ts';
import { agent, clock, echo, openRedisBus, rawClient, redisUrl, until } from './support/mesh.ts';
import { TaskHistory } from './support/task-history.ts';

const processes = 4;
const times = 250;

/** An organisation with one agent, and what its processes are told when they all hand in something at once. */
async function organisation(how: 'dispatch' | 'submit') {
  const orgId = `race-${randomUUID()}`;
  const keyspace = new Keyspace(orgId);
  const redis = rawClient();
  const card = { name: 'forge', domains: ['eng'], primaryFor: [], description: '', capabilities: [] };
  await new RedisAgentRegistry({ redis, clock, keyspace }).announce({ instanceId: 'test', agents: [{ card, activeTasks: 0 }], ttlMs: 60_000 });
  const { streamPrefix } = keyspace;
  const race = (texts: readonly string[]) => submitFromProcesses(texts.map((text) => ({ url: redisUrl, orgId, times, how, id: 'the-one', text })));
  return {
    race,
    entries: () => redis.xlen(`${streamPrefix}:tasks:eng`),
    /** Lets an agent do what was handed in. */
    async outcome(answers: readonly ConductorAnswers[]): Promise<string | null | undefined> {
      const worker = await agent(openRedisBus({ streamPrefix }), echo, { concurrency: 8 });
      await until(() => expect(worker.results).toHaveLength(1));
      const history = new TaskHistory();
      for (const [taskId = ''] of tasksIn(answers).map((task) => task.split(' '))) {
        history.tried.add(taskId);
        history.accepted.add(taskId);
      }
      const { outcomes, open } = await history.check(redis, streamPrefix);
      expect([outcomes.size, open.size]).toEqual([1, 0]);
      return worker.results[0]?.responseText;
    },
  };
}

const tasksIn = (answers: readonly ConductorAnswers[]) => answers.flatMap(({ tasks }) => tasks);
const errorsIn = (answers: readonly ConductorAnswers[]) => answers.flatMap(({ errors }) => errors);
const everywhere = (text: string) => Array.from({ length: processes }, () => text);

// D15
describe.skipIf(redisUrl === '')('four processes that hand in the same thing 250 times each at once', { timeout: 60_000 }, () => {
  it.each(['dispatch', 'submit'] as const)('make one task of it (%s), and all are told its id', async (how) => {
    const { race, entries, outcome } = await organisation(how);
    const answers = await race(everywhere('build it'));
    expect(errorsIn(answers)).toEqual([]);
    expect(tasksIn(answers)).toHaveLength(processes * times);
    expect(new Set(tasksIn(answers)).size).toBe(1);
    expect(await entries()).toBe(1);
    expect(await outcome(answers)).toBe('echo: build it');
  });

  it('make one task of a message with two texts: who came first is answered, and every other text is refused, then and later', async () => {
    const { race, entries, outcome } = await organisation('dispatch');
    const answers = await race(['build it', 'tear it down', 'build it', 'tear it down']);
    expect(new Set(tasksIn(answers)).size).toBe(1);
    expect(new Set(errorsIn(answers))).toEqual(new Set(['DISPATCH_CONFLICT']));
    const [first, second] = [answers[0], answers[1]].map((answer) => answer?.errors.length);
    expect([first, second].toSorted()).toEqual([0, times]); // one text won, for everybody
    const winner = first === 0 ? 'build it' : 'tear it down';
    expect(errorsIn(answers)).toHaveLength(2 * times);
    expect(errorsIn(await race(['paint it']))).toEqual(Array.from({ length: times }, () => 'DISPATCH_CONFLICT'));
    expect(await entries()).toBe(1);
    expect(await outcome(answers)).toBe(`echo: ${winner}`);
  });
});
