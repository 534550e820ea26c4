import { idGenerator } from '@cortex-runtime/core';
import { FileJournal, openDataDirectoryLock, soleOwnerLock, verifyJournal, type JournalEntry, type ProcessTable } from '@cortex-runtime/journal';
import { describe, expect, it } from 'vitest';

import { fixedClock, seededRandom } from '@cortex-runtime/core/testing';
import { simulatedDisk, type SimulatedDisk } from './simulated-disk.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const write = async (disk: SimulatedDisk, path: string, content: string, sync = true) => {
  const file = await disk.open(path, 'append');
  await file.write(Buffer.from(content));
  if (sync) await file.datasync();
};

describe('a simulated disk', () => {
  it('keeps what was synced under a name that was synced', async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const disk = simulatedDisk({ random: seededRandom(seed) });
      await write(disk, '/a', 'kept');
      await disk.syncDirectory('/');
      disk.restart();
      expect(text(await disk.readFile('/a'))).toBe('kept');
    }
  });

  it('may lose a name that was not synced, and any sector that was not', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 200; seed += 1) {
      const disk = simulatedDisk({ random: seededRandom(seed) }, { sectorBytes: 2, tornChance: 0 });
      await write(disk, '/a', '__');
      if (seed % 2 === 0) await disk.syncDirectory('/');
      await write(disk, '/a', 'bbccdd', false);
      disk.restart();
      seen.add((await disk.stat('/a')) === undefined ? 'no name' : text(await disk.readFile('/a')));
    }
    expect(seen).toContain('no name');
    expect(seen).toContain('__');
    expect(seen).toContain('__bbccdd');
    expect([...seen].some((each) => each.startsWith('__\0\0') && each.includes('dd'))).toBe(true); // a later sector without an earlier one
  });

  it('replaces by rename as a whole, before or after', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const disk = simulatedDisk({ random: seededRandom(seed) });
      await write(disk, '/a', 'old');
      await write(disk, '/b', 'new');
      await disk.syncDirectory('/');
      await disk.rename('/b', '/a');
      disk.restart();
      seen.add(`${text(await disk.readFile('/a'))} ${(await disk.list('/')).join()}`);
    }
    expect([...seen].sort()).toEqual(['new a', 'old a,b']);
  });

  it('fails when it is told to, with a part of what was written', async () => {
    const disk = simulatedDisk({ random: seededRandom(1) }, { capacityBytes: 10 });
    disk.failOn({ operation: 'datasync', nth: 2, code: 'EIO', path: 'a' });
    await write(disk, '/a', '123');
    await expect(write(disk, '/a', '45')).rejects.toMatchObject({ code: 'EIO' });
    await expect(write(disk, '/b', '123456789')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(text(await disk.readFile('/b'))).toBe('12345');
    await expect(disk.link('/a', '/b')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(disk.open('/c', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('never answers after the power has failed, and a file opened before answers never again', async () => {
    const disk = simulatedDisk({ random: seededRandom(1) });
    const file = await disk.open('/a', 'append');
    disk.cutPowerAfter(1);
    await file.write(Buffer.from('x'));
    let answered = false;
    void file.datasync().then(() => (answered = true));
    await disk.powerCut;
    disk.restart();
    void file.write(Buffer.from('y')).then(() => (answered = true));
    await write(disk, '/b', 'fine');
    expect(answered).toBe(false);
  });
});

/** A journal is used until the power fails; then it is opened again. Twice, as a crash may also hit a recovery. */
async function powerCutCase(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const pick = (below: number) => Math.floor(random.next() * below);
  const disk = simulatedDisk({ random }, { sectorBytes: [16, 64, 512][pick(3)] ?? 512 });
  const clock = fixedClock();
  const createId = idGenerator({ clock, random });
  const open = (epoch: number) => FileJournal.open({ disk, clock, createId, lock: soleOwnerLock(epoch) }, { directory: '/data', segmentBytes: 1024 + pick(3000) });
  const written = new Map<string, JournalEntry[]>();
  const durableSeq = new Map<string, number>();
  const checkpointed = new Map<string, number>();

  for (let life = 1; life <= 3; life += 1) {
    disk.cutPowerAfter(life === 3 ? Number.POSITIVE_INFINITY : 5 + pick(120));
    const work = (async () => {
      const journal = await open(life);
      // What was acknowledged is there, and what is there was written, in order and without gaps.
      for (const processId of ['a', 'b', 'c']) {
        const found = await journal.read(processId);
        const expected = written.get(processId) ?? [];
        expect(found.length).toBeGreaterThanOrEqual(durableSeq.get(processId) ?? 0);
        expect(found).toEqual(expected.slice(0, found.length));
        written.set(processId, [...found]);
        const checkpoint = await journal.lastCheckpoint(processId);
        expect(checkpoint?.seq ?? 0).toBeGreaterThanOrEqual(checkpointed.get(processId) ?? 0);
        if (checkpoint !== undefined) expect(checkpoint.state).toEqual({ at: checkpoint.seq, pad: 'p'.repeat(checkpoint.seq % 700) });
      }
      await Promise.all(['a', 'b', 'c'].map(async (processId) => {
        for (let step = 0; step < 12; step += 1) {
          const size = 1 + pick(3);
          const { entries, durable } = journal.write(Array.from({ length: size }, () => ({ processId, entryType: 'step', data: { life, step, text: 'x'.repeat(pick(300)) } })));
          (written.get(processId) ?? []).push(...entries);
          await durable;
          const last = entries.at(-1);
          if (last === undefined) continue;
          durableSeq.set(processId, last.seq);
          if (pick(4) === 0) {
            await journal.checkpoint(processId, { seq: last.seq, hash: last.hash, state: { at: last.seq, pad: 'p'.repeat(last.seq % 700) } });
            checkpointed.set(processId, last.seq);
          }
        }
      }));
      await journal.close();
    })();
    await Promise.race([work, disk.powerCut]);
    if (disk.hasPower) await work;
    disk.restart();
  }
  expect(await verifyJournal({ disk }, '/data')).toMatchObject({ isIntact: true });
}

describe('a journal on a disk that loses its power', () => {
  // J2, J8
  const cases = Number(process.env['CORTEX_POWER_CUTS'] ?? 300);
  it(`has all that was acknowledged and nothing that was not written, ${cases} times over`, async () => {
    for (let seed = 1; seed <= cases; seed += 1) {
      await powerCutCase(seed).catch((error: unknown) => {
        throw new Error(`power cut case ${seed}`, { cause: error });
      });
    }
  }, 600_000);

  // J7
  it('has one owner after each loss of power', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = seededRandom(seed);
      const disk = simulatedDisk({ random });
      let epoch = 0;
      for (let boot = 1; boot <= 4; boot += 1) {
        const processes: ProcessTable = { pid: boot, hostname: 'host', bootId: async () => `boot-${boot}`, startTime: async () => '1', isAlive: async () => true };
        disk.cutPowerAfter(boot === 4 ? Number.POSITIVE_INFINITY : 3 + Math.floor(random.next() * 20));
        const taken = openDataDirectoryLock({ disk, clock: fixedClock(), random, processes }, '/data');
        const lock = await Promise.race([taken, disk.powerCut.then(() => undefined)]);
        if (lock !== undefined) {
          expect(lock.epoch).toBeGreaterThan(epoch);
          epoch = lock.epoch;
        }
        disk.restart();
      }
    }
  });
});
