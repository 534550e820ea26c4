import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { BusConfig } from '@cortex-runtime/bus/config';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { redisServer } from '@cortex-runtime/bus/testing/servers';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { seededRandom } from '@cortex-runtime/core/testing';
import { z } from 'zod';

import { chaosTask, type ChaosTaskPlan } from './chaos-tasks.ts';
import { judgeMeshRun, type MeshEvidence, type MeshFigures, type MeshFinding } from './judge-mesh-run.ts';
import { meshFaultKinds, planMeshFaults, type MeshFaultKind } from './mesh-faults.ts';
import { readMeshHistories } from './mesh-history.ts';
import { MeshMember } from './mesh-member.ts';
import { answerTo } from './mesh-worker.ts';
import type { SubmitterProgress } from './mesh-submitter.ts';
import { chaosStreams, countLeft, readDeadLetters, readOutcomes } from './read-evidence.ts';
import { delay, strikeMesh, type StruckMesh } from './strike-mesh.ts';

/** How hard a mesh is treated. */
export const MeshChaosOptions = z.strictObject({
  /** JavaScript module with `runMeshWorker` and `runMeshSubmitter`: what `import.meta.resolve('@cortex-runtime/testing/mesh-chaos')` names. */
  programModule: z.string(),
  tasks: z.int().min(1).default(100_000),
  /** Faults in all; one for every 400 tasks when left out. */
  faults: z.int().min(0).optional(),
  /** Kinds of faults; all that the durability class bears when left out. */
  kinds: z.array(z.enum(meshFaultKinds)).min(1).optional(),
  /** Draws the tasks, and what happens when. */
  seed: z.int().default(1),
  /** Whether somebody may also empty the server: then its outcomes are lost too, whatever its class. */
  flush: z.boolean().default(false),
  durability: z.enum(['standard', 'strict']).default('standard'),
  submitters: z.int().min(1).default(2),
  workers: z.int().min(1).default(4),
  /** Milliseconds until everything has to have its outcome, after the last fault. */
  drainMs: z.number().positive().default(120_000),
  /** Keeps the working directory, to look at it. */
  keep: z.boolean().default(false),
});
export type MeshChaosOptions = z.input<typeof MeshChaosOptions>;
type Settings = z.output<typeof MeshChaosOptions>;

export interface MeshReport {
  seed: number;
  durability: 'standard' | 'strict';
  figures: MeshFigures;
  /** Faults that were done, by kind. */
  faults: Partial<Record<MeshFaultKind, number>>;
  /** Processes that were started again, and servers. */
  restarts: number;
  redisRestarts: number;
  durationMs: number;
  findings: MeshFinding[];
  evidence: MeshEvidence;
  /** Where the histories are, when they were kept. */
  directory: string | undefined;
}

const streamPrefix = 'chaos';
const leaseMs = 1_000;
const maxRetries = 5;
const tasksPerFault = 400;
/** Short, so that what a fault costs is over before the next; and streams keep so little that they are trimmed all the time. */
const quick: BusConfig = {
  streamPrefix, leaseMs, sweepMs: 250, claimIdleMs: 5_000, blockMs: 500, socketTimeoutMs: 2_000, operationTimeoutMs: 20_000, retryBackoffBaseMs: 20, retryBackoffMaxMs: 200, maxRetries,
  maxLength: 50, maxBacklog: 10_000_000,
};

/**
 * Lets submitters and workers of a real mesh over a real Redis work, breaks processes, connections and the server at moments that the seed draws, lets everything finish, and judges what
 * was written down.
 *
 * The seed draws tasks and faults; what the operating system makes of them differs from run to run.
 *
 * @param onProgress - told of every fault
 */
export async function meshChaos(options: MeshChaosOptions, onProgress: (line: string) => void = () => {}): Promise<MeshReport> {
  const settings = MeshChaosOptions.parse(options);
  const directory = await mkdtemp(join(tmpdir(), 'cortex-mesh-'));
  const undo: (() => Promise<unknown> | void)[] = [];
  try {
    return await run(settings, directory, undo, onProgress);
  } finally {
    for (const step of undo.reverse()) await step();
    if (!settings.keep) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function run(settings: Settings, directory: string, undo: (() => Promise<unknown> | void)[], onProgress: (line: string) => void): Promise<MeshReport> {
  const beganAt = performance.now();
  const { seed, tasks, submitters, workers, durability, programModule } = settings;
  const plan: ChaosTaskPlan = { seed, tasks, submitters, agents: Math.ceil(workers / 2) };
  const kinds = settings.kinds ?? meshFaultKinds.filter((kind) => (settings.flush || kind !== 'flush-all') && (durability === 'standard' || kind !== 'lose-writes'));
  const faults = planMeshFaults(seededRandom(seed), settings.faults ?? Math.ceil(tasks / tasksPerFault), kinds);

  const redis = await redisServer({ args: durability === 'strict' ? ['--appendfsync', 'always'] : [] });
  undo.push(() => redis.stop());
  const config = { ...quick, durability, confirmingReplicas: 0 };
  const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom }, { ...config, url: redis.url });
  undo.push(() => bus.close());
  const histories = join(directory, 'histories');
  await mkdir(histories);

  const progress = new Map<number, SubmitterProgress>();
  const start = async (kind: 'submitter' | 'worker', index: number) => {
    const hasJournal = kind === 'submitter' || index % 2 === 0;
    const journal = join(directory, `${kind}-${index}`);
    const options = { plan, index, histories, bus: config, ...(hasJournal ? { journal } : {}) };
    const member = await MeshMember.start({ kind, programModule, redisPort: redis.port, options, ...(kind === 'worker' ? {} : { onLine: (line: string) => void progress.set(index, JSON.parse(line) as SubmitterProgress) }) });
    undo.push(() => member.stop());
    return member;
  };
  const startAll = (kind: 'submitter' | 'worker', count: number) => Promise.all(Array.from({ length: count }, (_, index) => start(kind, index)));
  // There is work before anybody has ever read it.
  const submitterMembers = await startAll('submitter', submitters);
  const workerMembers = await startAll('worker', workers);
  const members = [...workerMembers, ...submitterMembers];

  let onServer: Promise<void> = Promise.resolve();
  let mayForget = false;
  const mesh: StruckMesh = {
    workers: workerMembers, submitters: submitterMembers, redis, leaseMs,
    afterOthers: (work) => (onServer = onServer.then(work)),
    // A server that syncs every second may lose a little also when only its process is killed.
    willForget: () => void (mayForget = true),
  };
  const told = () => [...progress.values()].reduce((sum, each) => sum + each.told, 0);
  const toTell = Array.from({ length: tasks }, (_, number) => new Set(chaosTask(plan, number).handIns).size).reduce((sum, each) => sum + each, 0);
  const isDone = () => progress.size === submitters && [...progress.values()].every((each) => each.isDone);
  const done: Partial<Record<MeshFaultKind, number>> = {};
  const struck: Promise<void>[] = [];
  let redisRestarts = 0;
  for (const fault of faults) {
    let seen = told();
    let deadline = performance.now() + settings.drainMs;
    while (told() < fault.at * toTell && performance.now() < deadline) {
      await delay(10);
      if (told() > seen) [seen, deadline] = [told(), performance.now() + settings.drainMs];
    }
    if (told() < fault.at * toTell) break; // nothing moves any more
    done[fault.kind] = (done[fault.kind] ?? 0) + 1;
    if (fault.kind === 'kill-redis' && durability === 'standard') mayForget = true;
    if (fault.kind === 'kill-redis' || fault.kind === 'lose-writes') redisRestarts += 1;
    onProgress(`${fault.kind} after ${told()} of ${toTell} outcomes, ${Math.round((performance.now() - beganAt) / 1_000)} s`);
    struck.push(strikeMesh(mesh, fault));
  }
  await Promise.all(struck);

  const streams = chaosStreams(plan);
  let seen = told();
  let deadline = performance.now() + settings.drainMs;
  let left = Number.POSITIVE_INFINITY;
  while (performance.now() < deadline) {
    await delay(50);
    if (told() > seen) [seen, deadline] = [told(), performance.now() + settings.drainMs];
    if (!isDone()) continue;
    left = await countLeft(bus, streams);
    if (left === 0) break;
  }
  if (!Number.isFinite(left)) left = await countLeft(bus, streams);
  await Promise.all(members.map((member) => member.stop()));

  const evidence: MeshEvidence = {
    kinds: new Map(Array.from({ length: tasks }, (_, number) => chaosTask(plan, number)).map(({ taskId, kind }) => [taskId, kind])),
    histories: readMeshHistories(histories, ''),
    ends: new Map(members.flatMap(({ ends }) => [...ends])),
    outcomes: await readOutcomes(redis, streamPrefix),
    deadLetters: await readDeadLetters(bus, streams),
    left, mayForget, answerTo,
    deliveriesAllowed: maxRetries + 1,
  };
  const { findings, figures } = judgeMeshRun(evidence);
  for (const message of members.flatMap(({ crashes }) => crashes)) findings.push({ rule: 'process-crashed', message });
  return {
    seed, durability, figures, findings, evidence, redisRestarts,
    faults: done,
    restarts: members.reduce((sum, { lives }) => sum + lives - 1, 0),
    durationMs: performance.now() - beganAt,
    directory: settings.keep ? directory : undefined,
  };
}
