import { cutAppendOnlyFile, markAppendOnlyFile, type RedisServer } from '@cortex-runtime/bus/testing/servers';

import type { MeshFault } from './mesh-faults.ts';
import type { MeshMember } from './mesh-member.ts';

/** What faults are done to. */
export interface StruckMesh {
  submitters: readonly MeshMember[];
  workers: readonly MeshMember[];
  redis: RedisServer;
  leaseMs: number;
  /** Does something to the server when what was asked before is over. */
  afterOthers(work: () => Promise<void>): Promise<void>;
  /** The server is about to lose something that it has answered. */
  willForget(): void;
}

/** At most a second of writes is lost, as `appendfsync everysec` says of a server that keeps up. */
const lostWritesMs = 1_000;
/** Share of the replies that are cut. */
const cutShare = 0.2;

/** Carries out a fault. Resolves when it is over, and everything runs again. */
export function strikeMesh({ submitters, workers, redis, leaseMs, afterOthers, willForget }: StruckMesh, { kind, pick, strength }: MeshFault): Promise<void> {
  const of = (members: readonly MeshMember[]) => members[Math.floor(pick * members.length)] as MeshMember;
  const worker = of(workers);
  const submitter = of(submitters);
  const any = of([...workers, ...submitters]);
  const killed = (member: MeshMember) =>
    member.afterOthers(async () => {
      await member.kill();
      await delay(strength * 400);
      await member.restart();
    });
  const paused = (member: MeshMember, ms: number) =>
    member.afterOthers(async () => {
      member.pause();
      await delay(ms);
      member.resume();
    });
  const onTheWay = (ms: number, begin: () => void) =>
    any.afterOthers(async () => {
      begin();
      await delay(ms);
      Object.assign(any.proxy, { fault: 'none', delayMs: 0, when: () => true });
    });
  const down = (downMs: number, meanwhile: () => void = () => {}) => async () => {
    await redis.kill();
    meanwhile();
    await delay(downMs);
    await redis.restart();
  };
  switch (kind) {
    case 'kill-worker':
      return killed(worker);
    case 'pause-worker':
      return paused(worker, leaseMs * (1.3 + strength * 1.7));
    case 'deploy-worker':
      return worker.afterOthers(() => worker.deploy());
    case 'kill-submitter':
      return killed(submitter);
    case 'pause-submitter':
      return paused(submitter, leaseMs * (0.5 + strength));
    case 'reset-connections':
      return any.afterOthers(() => Promise.resolve(any.proxy.reset()));
    case 'cut-replies':
      return onTheWay(300 + strength * 700, () => {
        let replies = 0;
        any.proxy.when = () => (replies += 1) % Math.round(1 / cutShare) === 0;
        any.proxy.fault = 'cut-reply';
      });
    case 'half-open':
      return onTheWay(500 + strength * 1_500, () => (any.proxy.fault = 'half-open'));
    case 'refuse-connections':
      return onTheWay(200 + strength * 800, () => {
        any.proxy.fault = 'refuse';
        any.proxy.reset();
      });
    case 'slow-network':
      return onTheWay(300 + strength * 700, () => (any.proxy.delayMs = 5 + strength * 45));
    case 'kill-redis':
      return afterOthers(down(strength * 500));
    case 'pause-redis':
      return afterOthers(async () => {
        redis.pause();
        await delay(200 + strength * leaseMs * 1.5);
        redis.resume();
      });
    case 'kill-clients':
      return afterOthers(() => ask(redis, ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']));
    case 'flush-scripts':
      return afterOthers(() => ask(redis, ['SCRIPT', 'FLUSH']));
    case 'lose-writes':
      return afterOthers(async () => {
        const mark = markAppendOnlyFile(redis.directory);
        await delay(strength * lostWritesMs);
        willForget();
        await down(100, () => cutAppendOnlyFile(redis.directory, mark))();
      });
    case 'flush-all':
      return afterOthers(async () => {
        willForget();
        await ask(redis, ['FLUSHALL']);
      });
  }
}

async function ask(redis: RedisServer, [name = '', ...rest]: readonly string[]): Promise<void> {
  const client = redis.client();
  try {
    await client.call(name, rest);
  } finally {
    client.disconnect();
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
