import { writeFileSync } from 'node:fs';

import type { BusConfig } from '@cortex-runtime/bus/config';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { FileJournal, openDataDirectoryLock } from '@cortex-runtime/journal';
import { systemProcessTable } from '@cortex-runtime/journal/node';

import { TaskConsumer, TaskLedger, type TaskConsumerOptions } from '../../src/index.ts';

/** Where in its first task a worker may be struck. */
export type WorkPoint = 'after-read' | 'after-effect' | 'before-outcome' | 'after-outcome' | 'after-settle';

export interface WorkerProgramOptions {
  bus: BusConfig;
  consumer: TaskConsumerOptions;
  /** A directory for the ledger; without one nothing is kept. */
  journal?: string | undefined;
  /** Milliseconds that a task takes. */
  workMs?: number;
  /** A file to which each execution appends the task's id, as an effect outside would be seen. */
  effects?: string;
  /** The signal that it sends itself at a point of its first task. */
  strike?: { at: WorkPoint; signal: 'SIGKILL' | 'SIGSTOP' };
  /** Blocks the event loop for so long in its first task. */
  blockMs?: number;
}

const say = (...words: (string | number)[]) => void process.stdout.write(`${words.join(' ')}\n`);

/**
 * What a test runs in a process of its own to kill it, or to put it to sleep. Says what it does, a line each: `ready`, `began TASK ATTEMPT`, `outcome TASK` (its ledger has it), `done TASK STATUS` (the
 * bus has it), `notice TYPE`; on SIGUSR2 `health JSON`. SIGTERM ends it as a deployment would.
 *
 * A task whose text is `throw`, `exit` or `exhaust` is poison.
 */
export async function runWorker({ bus: config, consumer: settings, journal, workMs = 0, effects, strike, blockMs = 0 }: WorkerProgramOptions): Promise<void> {
  let isStruck = false;
  const point = (name: WorkPoint) => {
    if (strike?.at !== name || isStruck) return;
    isStruck = true;
    process.kill(process.pid, strike.signal);
  };
  const bus = new RedisStreamBus({ clock, random, identity: settings.identity, onNotice: ({ type }) => say('notice', type) }, config);
  const ledger = journal === undefined ? undefined : await openLedger(journal, settings.identity, point);
  const consumer = new TaskConsumer({
    bus, clock, random, ...(ledger === undefined ? {} : { ledger }),
    onResult: ({ taskId, status }) => {
      point('after-settle');
      say('done', taskId, status);
    },
  }, settings);
  process.on('SIGTERM', () => void consumer.stop({ drainMs: 0 }).then(() => bus.close()).then(() => process.exit(0)));
  process.on('SIGUSR2', () => void consumer.health().then((health) => say('health', JSON.stringify(health))));
  say('ready');
  let isFirst = true;
  await consumer.start(async function* (prompt, { context }) {
    say('began', context.taskId, context.attempt);
    point('after-read');
    if (isFirst) for (const end = Date.now() + blockMs; Date.now() < end; );
    isFirst = false;
    if (effects !== undefined) writeFileSync(effects, `${context.taskId}\n`, { flag: 'a' });
    point('after-effect');
    if (workMs > 0) await new Promise((resolve) => setTimeout(resolve, workMs));
    if (prompt === 'exit') process.exit(1);
    if (prompt === 'exhaust') for (const held: number[][] = []; ; ) held.push(Array.from({ length: 100_000 }, () => Math.random()));
    if (prompt === 'throw') throw new Error('poison');
    yield { kind: 'output', data: `${prompt}, by ${process.pid}` };
  });
}

async function openLedger(directory: string, identity: string, point: (name: WorkPoint) => void): Promise<TaskLedger> {
  const deps = { disk: nodeDisk, clock, random, createId: idGenerator({ clock, random }), logger: silentLogger, processes: systemProcessTable({ disk: nodeDisk }) };
  const lock = await openDataDirectoryLock(deps, directory);
  const ledger = await TaskLedger.open({ journal: await FileJournal.open({ ...deps, lock }, { directory }), clock }, `tasks:${identity}`);
  const record = ledger.record.bind(ledger);
  ledger.record = async (taskId, result) => {
    point('before-outcome');
    await record(taskId, result);
    say('outcome', taskId);
    point('after-outcome');
  };
  return ledger;
}
