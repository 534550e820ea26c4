import { once } from 'node:events';

import { Keyspace } from '@cortex-runtime/bus';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { idGenerator } from '@cortex-runtime/core';
import { systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';

import { TaskClient, TaskDispatcher } from '../../src/index.ts';
import { RedisAgentRegistry, RedisResponseTracker } from '../../src/redis/index.ts';
import type { ConductorAnswers, ConductorProgramOptions } from './conductor.ts';

/** What a test runs in a process of its own, beside others: says `ready`, and at a line on standard input hands the same thing in many times at once, then says what came of it, as JSON. */
export async function submitAtOnce({ url, orgId, times, how, id, text }: ConductorProgramOptions): Promise<void> {
  const keyspace = new Keyspace(orgId);
  const redis = new Redis(url);
  const bus = new RedisStreamBus({ clock, random }, { url, streamPrefix: keyspace.streamPrefix });
  const client = new TaskClient({ bus, clock, createId: idGenerator({ clock, random }) });
  const registry = new RedisAgentRegistry({ redis, clock, keyspace });
  const dispatcher = new TaskDispatcher({ client, clock, random, registry, responseTracker: new RedisResponseTracker({ redis, clock, keyspace }) });
  const submit = () =>
    how === 'dispatch'
      ? dispatcher.dispatch({ id, text, channel: 'test', roomId: 'room', senderId: 'u1', sender: 'Ann', metadata: { domain: 'eng' } })
      : client.submit({ taskId: id, messageId: id, text, domain: 'eng' });
  await bus.health(); // connected
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const answers: ConductorAnswers = { tasks: [], errors: [] };
  await Promise.all(
    Array.from({ length: times }, () =>
      submit().then(
        (task) => answers.tasks.push(`${task?.taskId} ${task?.msgId}`),
        (error: { code?: string }) => answers.errors.push(String(error.code ?? error)),
      ),
    ),
  );
  process.stdout.write(`${JSON.stringify(answers)}\n`);
  process.stdin.destroy();
  await Promise.all([client.close(), bus.close(), redis.quit()]);
}
