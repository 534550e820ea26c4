import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { openDataDirectoryLock, type LockDeps, type ProcessTable } from '../src/index.ts';
import { systemProcessTable } from '../src/node/index.ts';
import { manualClock } from './manual-clock.ts';
import { temporaryDirectory } from './journal-directory.ts';
import { bundleChild, startChild } from './start-child.ts';

let child: Awaited<ReturnType<typeof bundleChild>>;
beforeAll(async () => {
  child = await bundleChild('hold-lock.ts');
});
afterAll(() => child.remove());

function start(directory: string) {
  const started = startChild(child.path, directory);
  onTestFinished(() => started.kill());
  return started;
}

/** A process of an imaginary machine. */
function imaginary(pid: number, alive: Set<number>, machine: { hostname?: string; boot?: string; starts?: Map<number, string> } = {}): ProcessTable {
  return {
    pid,
    hostname: machine.hostname ?? 'host-a',
    bootId: async () => machine.boot ?? 'boot-1',
    startTime: async (of) => (alive.has(of) ? (machine.starts?.get(of) ?? '100') : undefined),
    isAlive: async (of) => alive.has(of),
  };
}
const deps = (processes: ProcessTable, more: Partial<LockDeps> = {}): LockDeps => ({ disk: nodeDisk, clock: manualClock(), random: systemRandom, processes, ...more });

describe('the lock of a data directory', () => {
  // J7, governed-process D8
  it('refuses a second process, naming the first, since when, and what to do', async () => {
    const directory = await temporaryDirectory();
    const owner = start(directory);
    await owner.nextLine();
    owner.tell('go');
    expect(await owner.nextLine()).toBe('held 1');
    const system = { disk: nodeDisk, clock: systemClock, random: systemRandom, processes: systemProcessTable({ disk: nodeDisk }) };
    await expect(openDataDirectoryLock(system, directory)).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_IN_USE',
      owner: { pid: owner.process.pid },
      message: expect.stringMatching(/in use by process \d+ on .+ since \d{4}-.+: stop that process, or choose another/),
    });
    owner.tell('release');
    expect(await owner.nextLine()).toBe('released');
    const lock = await openDataDirectoryLock(system, directory);
    expect(lock.epoch).toBe(2);
    await lock.release();
  }, 20_000);

  // J7
  it('passes to exactly one of several when its owner was killed, round after round', async () => {
    const directory = await temporaryDirectory();
    for (let round = 1; round <= 8; round += 1) {
      const contenders = [1, 2, 3, 4].map(() => start(directory));
      await Promise.all(contenders.map((each) => each.nextLine()));
      for (const each of contenders) each.tell('go');
      const answers = await Promise.all(contenders.map((each) => each.nextLine()));
      expect(answers.filter((each) => each?.startsWith('held'))).toHaveLength(1);
      expect(answers.filter((each) => each === 'DATA_DIRECTORY_IN_USE')).toHaveLength(3);
      await Promise.all(contenders.map((each) => each.kill()));
    }
    expect((await readdir(directory)).filter((name) => name.startsWith('lock.'))).toHaveLength(1);
  }, 60_000);

  // J7
  it('has one owner in each of hundreds of races between processes that die or release', async () => {
    const directory = await temporaryDirectory();
    const alive = new Set<number>();
    let holders = 0;
    let most = 0;
    let wins = 0;
    await Promise.all(Array.from({ length: 6 }, async (_, index) => {
      for (let round = 0; wins < 60; round += 1) {
        const pid = index * 1_000_000 + round + 1;
        alive.add(pid);
        try {
          const lock = await openDataDirectoryLock(deps(imaginary(pid, alive)), directory);
          holders += 1;
          most = Math.max(most, holders);
          wins += 1;
          await nodeDisk.stat(directory);
          holders -= 1;
          if (round % 2 === 0) await lock.release();
        } catch (error) {
          expect(error).toMatchObject({ code: 'DATA_DIRECTORY_IN_USE' });
        }
        alive.delete(pid); // without release: as if it was killed
      }
    }));
    expect(most).toBe(1);
  }, 30_000);

  it.each([
    ['its process is gone', imaginary(2, new Set([2]))],
    ['another process has its number now', imaginary(2, new Set([1, 2]), { starts: new Map([[1, '999']]) })],
    ['the machine was started again', imaginary(2, new Set([1, 2]), { boot: 'boot-2' })],
  ])('is taken over when %s', async (_, successor) => {
    const directory = await temporaryDirectory();
    await openDataDirectoryLock(deps(imaginary(1, new Set([1]))), directory);
    expect((await openDataDirectoryLock(deps(successor), directory)).epoch).toBe(2);
  });

  it('is not taken from a process that was only stopped for a while', async () => {
    const directory = await temporaryDirectory();
    const alive = new Set([1, 2]);
    const clock = manualClock();
    const lock = await openDataDirectoryLock(deps(imaginary(1, alive), { clock }), directory);
    clock.advance(3_600_000);
    await expect(openDataDirectoryLock(deps(imaginary(2, alive), { clock }), directory)).rejects.toMatchObject({ code: 'DATA_DIRECTORY_IN_USE' });
    await lock.confirm();
  });

  it('is respected on another host while its owner shows signs of life, and taken when they stop', async () => {
    const directory = await temporaryDirectory();
    const clock = manualClock();
    const elsewhere = imaginary(7, new Set([7]), { hostname: 'host-b', boot: 'boot-9' });
    const lock = await openDataDirectoryLock(deps(imaginary(1, new Set([1])), { clock }), directory);
    await expect(openDataDirectoryLock(deps(elsewhere, { clock }), directory)).rejects.toMatchObject({ code: 'DATA_DIRECTORY_IN_USE', owner: { hostname: 'host-a' } });

    // the owner's host is cut off: no sign of life for longer than it takes to be believed dead
    const clockElsewhere = manualClock(clock.now() + 60_000);
    const taking = openDataDirectoryLock(deps(elsewhere, { clock: clockElsewhere }), directory);
    await expect.poll(() => clockElsewhere.waiting).toBe(1);
    clockElsewhere.advance(10_000);
    expect((await taking).epoch).toBe(2);

    // it comes back, and finds out before it writes anything
    clock.advance(60_000);
    await expect(lock.confirm()).rejects.toMatchObject({ code: 'DATA_DIRECTORY_LOST', message: expect.stringContaining('has taken it over') });
    expect(lock.lost.aborted).toBe(true);
    await lock.release();
    expect(await readFile(join(directory, 'lock.2'), 'utf8')).toContain('host-b');
  });

  it('is respected on another host whose clock is wrong', async () => {
    const directory = await temporaryDirectory();
    const clock = manualClock();
    await openDataDirectoryLock(deps(imaginary(1, new Set([1])), { clock }), directory);
    const clockElsewhere = manualClock(clock.now() + 3_600_000);
    const taking = openDataDirectoryLock(deps(imaginary(7, new Set([7]), { hostname: 'host-b' }), { clock: clockElsewhere }), directory);
    await expect.poll(() => clockElsewhere.waiting).toBe(1);
    const before = await readFile(join(directory, 'lock.1'), 'utf8');
    clock.advance(5_000); // its sign of life
    await expect.poll(() => readFile(join(directory, 'lock.1'), 'utf8')).not.toBe(before);
    clockElsewhere.advance(10_000);
    await expect(taking).rejects.toMatchObject({ code: 'DATA_DIRECTORY_IN_USE' });
  });

  it('survives that its own file is damaged', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'lock.3'), 'not what was written');
    expect((await openDataDirectoryLock(deps(imaginary(1, new Set([1]))), directory)).epoch).toBe(4);
  });
});
