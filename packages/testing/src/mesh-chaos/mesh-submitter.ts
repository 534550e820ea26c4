import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { CortexError, idGenerator, sleep } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { TaskClient, TaskOutbox, type NewTask, type SubmittedTask } from '@cortex-runtime/dispatch';

import { chaosDomain, handInsOf, type ChaosTask, type ChaosTaskPlan } from './chaos-tasks.ts';
import { historyLogger, openMeshHistory, readMeshHistories } from './mesh-history.ts';
import type { MeshMemberOptions } from './mesh-member-options.ts';
import { endWithParent } from './end-with-parent.ts';
import { openMemberJournal } from './open-member-journal.ts';

/** Tasks that are being handed in at once. */
const handedInAtOnce = 32;
/** Tasks that may be open at once: enough that work waits, and in a short run so few that some are still to come when things break. */
const openAtOnce = ({ tasks, submitters }: ChaosTaskPlan) => Math.min(800, Math.max(handedInAtOnce, tasks / submitters / 4));
const progressMs = 50;
const retryMs = 100;

/** What a submitter prints, a line each: how many of its tasks have an outcome that it knows; `isDone` when all have. */
export interface SubmitterProgress {
  told: number;
  isDone: boolean;
}

/**
 * A submitter of the mesh, as a program of its own: hands in its share of the tasks, keeps them in an outbox on disk, and goes on where an earlier life of it was killed.
 *
 * What it knows of earlier lives besides the outbox it has from their histories, as a caller would from a database of its own.
 */
export async function runMeshSubmitter({ bus: config, plan, index, life, histories, journal }: MeshMemberOptions): Promise<void> {
  const [clock, random] = [systemClock, systemRandom];
  const accepted = new Map<string, number>();
  const told = new Set<string>();
  const cancelled = new Set<string>();
  for (const records of readMeshHistories(histories, `submitter-${index}.`).values()) {
    for (const record of records) {
      if (record.at === 'accepted') accepted.set(record.taskId, (accepted.get(record.taskId) ?? 0) + 1);
      if (record.at === 'told') told.add(record.taskId);
      if (record.at === 'cancelled' && record.isCancelled !== undefined) cancelled.add(record.taskId);
    }
  }
  const history = openMeshHistory(histories, `submitter-${index}.${life}`);
  const own = new Map([...handInsOf(plan, index)].map((each) => [each.task.taskId, each]));
  const open = new Set([...accepted.keys()].filter((taskId) => !told.has(taskId)));

  const outbox = await TaskOutbox.open({ journal: await openMemberJournal(journal ?? histories) });
  const bus: RedisStreamBus = new RedisStreamBus({
    clock, random, identity: `submitter-${index}`,
    onNotice: (notice) => {
      history.append({ at: 'notice', ...notice });
      client.noticed(notice);
    },
  }, config);
  const client: TaskClient = new TaskClient({ bus, clock, logger: historyLogger(history), createId: idGenerator({ clock, random }), outbox, onLost: (lost) => history.append({ at: 'lost', ...lost }) });
  endWithParent();
  process.on('SIGTERM', () => {
    void client.close().then(() => outbox.settled()).then(() => bus.close()).then(() => process.exit(0));
  });
  await client.onResult(({ taskId, status, errorCode, attempts, responseText }, { msgId }) => {
    if (!own.has(taskId)) return;
    history.append({ at: 'told', taskId, msgId, status, errorCode, attempts, text: responseText });
    told.add(taskId);
    open.delete(taskId);
  }, { group: `submitter-${index}` });
  await client.recover();

  const handIn = async (task: ChaosTask, times: number, isOwner: boolean) => {
    for (let time = accepted.get(task.taskId) ?? 0; time < times; time += 1) {
      history.append({ at: 'submitting', taskId: task.taskId });
      const submitted = await submit(client, task);
      history.append({ at: 'accepted', taskId: task.taskId, msgId: submitted.msgId });
      if (time > 0 || task.kind !== 'cancelled' || !isOwner || cancelled.has(task.taskId)) continue;
      await sleep(clock, task.cancelAfterMs);
      const isCancelled = await client.cancel(submitted, { by: 'chaos' }).catch(() => undefined);
      history.append({ at: 'cancelled', taskId: task.taskId, isCancelled });
    }
  };
  const left = own.values();
  const mayBeOpen = openAtOnce(plan);
  const lane = async () => {
    for (const { task, times, isOwner } of left) {
      if ((accepted.get(task.taskId) ?? 0) >= times) continue;
      while (open.size >= mayBeOpen) await sleep(clock, 10);
      if (!told.has(task.taskId)) open.add(task.taskId);
      await handIn(task, times, isOwner);
    }
  };
  process.stdout.write('ready\n');
  const isHandedIn = Promise.all(Array.from({ length: handedInAtOnce }, lane));
  let isOver = false;
  void isHandedIn.then(() => (isOver = true));
  const tell = () => process.stdout.write(`${JSON.stringify({ told: told.size, isDone: isOver && told.size === own.size } satisfies SubmitterProgress)}\n`);
  for (;;) {
    await sleep(clock, progressMs);
    tell();
  }
}

/** Hands a task in until the bus has taken it. */
async function submit(client: TaskClient, { taskId, kind, workMs, priority, agent, isSameBytes }: ChaosTask): Promise<SubmittedTask> {
  const task: NewTask = {
    taskId, messageId: taskId, text: `please do ${taskId}`, domain: chaosDomain, priority, metadata: { kind, workMs }, ...(isSameBytes ? { dispatchedAt: '2026-01-01T00:00:00.000Z' } : {}),
  };
  for (;;) {
    try {
      return await client.submit(task, agent === undefined ? {} : { agent });
    } catch (error) {
      if (!(CortexError.is(error) && error.retryable)) throw error;
      await sleep(systemClock, retryMs);
    }
  }
}
