import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { sleep } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { TaskConsumer, TaskLedger } from '@cortex-runtime/dispatch';

import { agentName, chaosDomain, type ChaosTask } from './chaos-tasks.ts';
import { historyLogger, openMeshHistory, type MeshRecord } from './mesh-history.ts';
import type { MeshMemberOptions } from './mesh-member-options.ts';
import { endWithParent } from './end-with-parent.ts';
import { openMemberJournal } from './open-member-journal.ts';

/** Results that the stream keeps: all of a run, so that they can be counted at its end. */
const resultsKept = 10_000_000;
const drainMs = 300;

/** An agent of the mesh, as a program of its own: writes down what it runs, and dies where a task wants it. Says `ready`. */
export async function runMeshWorker({ bus: config, plan, index, life, histories, journal }: MeshMemberOptions): Promise<void> {
  const history = openMeshHistory(histories, `worker-${index}.${life}`);
  const deps = { clock: systemClock, random: systemRandom, logger: historyLogger(history) };
  const bus = new RedisStreamBus({ ...deps, identity: `worker-${index}`, onNotice: (notice) => history.append({ at: 'notice', ...notice }) }, config);
  const ledger = journal === undefined ? undefined : await TaskLedger.open({ journal: await openMemberJournal(journal), clock: systemClock }, 'tasks');
  const consumer = new TaskConsumer({ ...deps, bus, ...(ledger === undefined ? {} : { ledger }) }, {
    identity: agentName(index % plan.agents), domains: [chaosDomain], concurrency: 8, drainMs, resultsKept,
  });
  endWithParent();
  process.on('SIGTERM', () => {
    void consumer.stop().then(() => ledger?.close()).then(() => bus.close()).then(() => process.exit(0));
  });
  await consumer.start(async function* (_, { context, idempotencyKey, signal }) {
    const { taskId } = context;
    history.append({ at: 'began', taskId, attempt: context.attempt, key: idempotencyKey } satisfies MeshRecord);
    const { kind, workMs } = context.metadata as unknown as Pick<ChaosTask, 'kind' | 'workMs'>;
    if (kind === 'kills') process.kill(process.pid, 'SIGKILL');
    if (workMs > 0) await sleep(systemClock, workMs, signal);
    history.append({ at: 'effect', taskId });
    if (kind === 'throws') throw new Error(`poison in attempt ${context.attempt}`);
    yield { kind: 'output', data: answerTo(taskId) };
  });
  process.stdout.write('ready\n');
}

/** What every agent answers. */
export function answerTo(taskId: string): string {
  return `done: ${taskId}`;
}
