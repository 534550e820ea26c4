/**
 * An agent in a process of its own, for tests that kill it. Says on standard output what it does: `ready`, `began <task> <attempt>`, `outcome <task>`, `settled <task>`, `done <task>`.
 *
 * argv: configuration as JSON, see `WorkerProgram`.
 */
import { writeFileSync } from 'node:fs';

import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import type { BusConfig } from '@cortex-runtime/bus/config';
import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, openDataDirectoryLock } from '@cortex-runtime/journal';
import { systemProcessTable } from '@cortex-runtime/journal/node';

import { TaskConsumer, TaskLedger, type TaskConsumerOptions } from '../../src/index.ts';

export interface WorkerProgram {
  bus: BusConfig;
  consumer: TaskConsumerOptions;
  /** A directory for the ledger; none without it. */
  journal?: string;
  /** Milliseconds that a task takes. */
  workMs?: number;
  /** A file to which each execution appends a line, as an effect outside would be seen. */
  effects?: string;
  /** Kills itself here, the first time. */
  dieAt?: 'before-work' | 'after-effect' | 'before-outcome' | 'after-outcome' | 'after-settle';
  /** Blocks the event loop for so long at the first task. */
  blockMs?: number;
}

const program = JSON.parse(process.argv[2] ?? '{}') as WorkerProgram;
const say = (...words: (string | number)[]) => void process.stdout.write(`${words.join(' ')}\n`);
const [clock, random] = [systemClock, systemRandom];
const createId = idGenerator({ clock, random });

let mayDie = true;
const point = (name: NonNullable<WorkerProgram['dieAt']>) => {
  if (program.dieAt !== name || !mayDie) return;
  mayDie = false;
  process.kill(process.pid, 'SIGKILL');
};

const bus = new RedisStreamBus({ clock, random, identity: program.consumer.identity }, program.bus);
let ledger: TaskLedger | undefined;
if (program.journal !== undefined) {
  const deps = { disk: nodeDisk, clock, random, createId, logger: silentLogger, processes: systemProcessTable({ disk: nodeDisk }) };
  const lock = await openDataDirectoryLock(deps, program.journal);
  const journal = await FileJournal.open({ ...deps, lock }, { directory: program.journal });
  ledger = await TaskLedger.open({ journal, clock }, `tasks:${program.consumer.identity}`);
  const record = ledger.record.bind(ledger);
  ledger.record = async (taskId, result) => {
    point('before-outcome');
    await record(taskId, result);
    say('outcome', taskId);
    point('after-outcome');
  };
}

const consumer = new TaskConsumer({ bus, clock, random, ...(ledger === undefined ? {} : { ledger }), onResult: ({ taskId, status }) => {
  point('after-settle');
  say('done', taskId, status);
} }, program.consumer);
let isFirst = true;
await consumer.start(async function* (prompt, { context }) {
  say('began', context.taskId, context.attempt);
  point('before-work');
  if (program.blockMs !== undefined && isFirst) for (const until = Date.now() + program.blockMs; Date.now() < until; );
  isFirst = false;
  if (program.effects !== undefined) writeFileSync(program.effects, `${context.taskId} ${process.pid}\n`, { flag: 'a' });
  point('after-effect');
  if (program.workMs !== undefined) await new Promise((resolve) => setTimeout(resolve, program.workMs));
  if (prompt === 'exit') process.exit(1);
  if (prompt === 'throw') throw new Error('poison');
  yield { kind: 'output', data: `done by ${process.pid}: ${prompt}` };
});
say('ready');
process.on('SIGTERM', () => void consumer.stop({ drainMs: 0 }).then(() => bus.close()).then(() => process.exit(0)));

