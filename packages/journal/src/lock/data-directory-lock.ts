import { randomHex, sleep, silentLogger, describeError, type Clock, type Disk, type Logger, type Random } from '@cortex-runtime/core';
import { z } from 'zod';

import { DataDirectoryInUseError, DataDirectoryLostError } from '../errors.ts';
import { makeDurableDirectory } from '../make-durable-directory.ts';
import type { ProcessTable } from './process-table.ts';

/** Proof that this process owns a data directory. */
export interface DataDirectoryLock {
  /** Generation of the lock: grows with every owner, and stands in every segment that an owner opens. */
  readonly epoch: number;
  /** Aborted, with a DataDirectoryLostError, when another process has become the owner. */
  readonly lost: AbortSignal;
  /**
   * Makes sure that this process is still the owner; looks at the disk only when the last sign of life is old, as after a long stop of the process.
   *
   * @throws DataDirectoryLostError when it is not
   */
  confirm(): Promise<void>;
  /** Lets the next owner in. */
  release(): Promise<void>;
}

export interface LockDeps {
  disk: Disk;
  clock: Clock;
  random: Random;
  processes: ProcessTable;
  logger?: Logger;
}

/** How an owner shows that it lives to those who can not see its process. */
export const LockOptions = z.strictObject({
  /** Milliseconds between two signs of life. */
  heartbeatMs: z.int().min(10).default(5_000),
  /** Milliseconds without a sign of life after which an owner on another host counts as dead. */
  staleMs: z.int().min(50).default(30_000),
});
export type LockOptions = z.input<typeof LockOptions>;

interface Owner {
  pid: number;
  process_start_time: string | null;
  boot_id: string | null;
  hostname: string;
  token: string;
  started_at: string;
  heartbeat_at: number;
  beats: number;
  released: boolean;
}

const generationPattern = /^lock\.(\d+)$/;

/**
 * Makes this process the one owner of a data directory.
 *
 * An owner holds the highest of the numbered files `lock.<n>`. The next number is claimed by linking a complete file to it, so that of many who try
 * exactly one succeeds and nobody ever reads half a file. The newest file is never removed, so a number is never claimed twice by two that both believe in it:
 * whoever finds a higher number after its claim has lost. A dead owner needs no clean-up: its process is gone, or has another start time, or the machine was
 * started again; on another host, its signs of life have stopped.
 *
 * @throws DataDirectoryInUseError naming the live owner
 */
export async function openDataDirectoryLock(deps: LockDeps, directory: string, options: LockOptions = {}): Promise<DataDirectoryLock> {
  const settings = LockOptions.parse(options);
  const { disk, clock, processes } = deps;
  const logger = deps.logger ?? silentLogger;
  await makeDurableDirectory(disk, directory);
  const bootId = await processes.bootId();
  const owner: Owner = {
    pid: processes.pid,
    process_start_time: (await processes.startTime(processes.pid)) ?? null,
    boot_id: bootId ?? null,
    hostname: processes.hostname,
    token: randomHex(deps.random, 16),
    started_at: new Date(clock.now()).toISOString(),
    heartbeat_at: clock.now(),
    beats: 0,
    released: false,
  };
  const temporary = `${directory}/.lock-${owner.token}`;

  for (;;) {
    const newest = (await generations(disk, directory)).at(-1) ?? 0;
    if (newest > 0) {
      const current = await readOwner(disk, directory, newest);
      if (current === 'gone') continue; // replaced while we looked
      if (current !== undefined && (await isLive(deps, settings, { directory, generation: newest, owner: current, bootId }))) {
        throw new DataDirectoryInUseError(directory, { pid: current.pid, hostname: current.hostname, startedAt: current.started_at });
      }
      if (current !== undefined && !current.released) {
        logger.warn({ directory, pid: current.pid, hostname: current.hostname, since: current.started_at }, 'the former owner of the data directory is gone; taking over');
      }
    }
    const epoch = newest + 1;
    await writeWhole(disk, temporary, owner);
    try {
      await disk.link(temporary, `${directory}/lock.${epoch}`);
    } catch (error) {
      await disk.remove(temporary);
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue; // somebody else was first
      throw error;
    }
    await disk.remove(temporary);
    const all = await generations(disk, directory);
    if (all.at(-1) !== epoch) {
      await disk.remove(`${directory}/lock.${epoch}`); // an old number that its owner had cleared away
      continue;
    }
    await disk.syncDirectory(directory);
    for (const old of all) if (old < epoch) await disk.remove(`${directory}/lock.${old}`);
    return holdLock(deps, settings, { directory, epoch, owner, logger });
  }
}

/** A lock that guards nothing: for a directory that cannot have a second writer, such as one that a test has just made. */
export function soleOwnerLock(epoch = 1): DataDirectoryLock {
  return { epoch, lost: new AbortController().signal, confirm: () => Promise.resolve(), release: () => Promise.resolve() };
}

function holdLock(
  { disk, clock }: LockDeps,
  settings: z.output<typeof LockOptions>,
  held: { directory: string; epoch: number; owner: Owner; logger: Logger },
): DataDirectoryLock {
  const { directory, epoch, logger } = held;
  const path = `${directory}/lock.${epoch}`;
  const temporary = `${directory}/.lock-${held.owner.token}`;
  const lost = new AbortController();
  let owner = held.owner;
  let confirmedAt = clock.monotonic();
  let beating: Promise<void> = Promise.resolve();
  let replacing: Promise<void> = Promise.resolve();
  let isReleased = false;

  const lose = (reason: string) => {
    if (lost.signal.aborted) return;
    const error = new DataDirectoryLostError(directory, reason);
    logger.error({ directory, epoch, reason }, 'lost the data directory');
    lost.abort(error);
  };
  const replace = (change: Partial<Owner>) => (replacing = replacing.catch(() => undefined).then(() => replaceNow(change)));
  const replaceNow = async (change: Partial<Owner>) => {
    const next = { ...owner, heartbeat_at: clock.now(), beats: owner.beats + 1, ...change };
    if ((await generations(disk, directory)).at(-1) !== epoch) return lose('another process has taken it over');
    await writeWhole(disk, temporary, next);
    await disk.rename(temporary, path);
    owner = next;
    confirmedAt = clock.monotonic();
  };
  const beat = async () => {
    try {
      await replace({});
    } catch (error) {
      logger.warn({ directory, problem: describeError(error) }, 'could not renew the lock of the data directory');
    }
    if (!isReleased && !lost.signal.aborted) schedule();
  };
  let timer = { cancel() {} };
  const schedule = () => {
    timer = clock.setTimer(settings.heartbeatMs, () => void (beating = beat()), { keepAlive: false });
  };
  schedule();

  return {
    epoch,
    lost: lost.signal,
    async confirm() {
      lost.signal.throwIfAborted();
      if (isReleased) throw new DataDirectoryLostError(directory, 'it was released');
      if (clock.monotonic() - confirmedAt <= settings.staleMs / 2) return;
      await replace({});
      lost.signal.throwIfAborted();
    },
    async release() {
      if (isReleased) return;
      isReleased = true;
      timer.cancel();
      await beating;
      if (!lost.signal.aborted) await replace({ released: true });
    },
  };
}

async function isLive(
  { disk, clock, processes }: LockDeps,
  settings: z.output<typeof LockOptions>,
  found: { directory: string; generation: number; owner: Owner; bootId: string | undefined },
): Promise<boolean> {
  const { owner } = found;
  if (owner.released) return false;
  if (owner.hostname === processes.hostname) {
    if (owner.boot_id !== null && found.bootId !== undefined && owner.boot_id !== found.bootId) return false;
    if (!(await processes.isAlive(owner.pid))) return false;
    const startTime = await processes.startTime(owner.pid);
    return owner.process_start_time === null || startTime === undefined || startTime === owner.process_start_time;
  }
  if (Math.abs(clock.now() - owner.heartbeat_at) < settings.staleMs) return true;
  // The clocks of two hosts may differ: believe only what is seen to stand still.
  await sleep(clock, settings.heartbeatMs * 2);
  const later = await readOwner(disk, found.directory, found.generation);
  return later === 'gone' || (later !== undefined && later.beats !== owner.beats);
}

async function generations(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  return names.flatMap((name) => Number(generationPattern.exec(name)?.[1] ?? [])).filter((each) => each > 0).sort((a, b) => a - b);
}

/** Undefined when the file does not say who the owner is: only a file system that lost its content can do that, and then its owner is dead too. */
async function readOwner(disk: Disk, directory: string, generation: number): Promise<Owner | undefined | 'gone'> {
  let bytes: Uint8Array;
  try {
    bytes = await disk.readFile(`${directory}/lock.${generation}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    throw error;
  }
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Owner;
  } catch {
    return undefined;
  }
}

async function writeWhole(disk: Disk, path: string, owner: Owner): Promise<void> {
  const file = await disk.open(path, 'write');
  try {
    await file.write(Buffer.from(`${JSON.stringify(owner)}\n`), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}
