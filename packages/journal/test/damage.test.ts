import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { nodeDisk, systemClock } from '@cortex-runtime/core/node';
import { describe, expect, it } from 'vitest';

import { JournalCorruptError, repairJournal, soleOwnerLock, verifyJournal, type FileJournal, type JournalEntry } from '../src/index.ts';
import { createId, note, openFileJournal, temporaryDirectory } from './journal-directory.ts';

const repairDeps = { disk: nodeDisk, clock: systemClock, createId, lock: soleOwnerLock() };

/** Every byte takes a minute; an odd stride meets every bit and every part of a line all the same. */
const stride = process.env['CORTEX_CHAOS'] === undefined ? 7 : 1;

/** A closed journal of `count` entries of three processes, a group commit each, and what it holds. */
async function filled(count: number, options: { crashed?: boolean } = {}) {
  const directory = await temporaryDirectory();
  const journal = await openFileJournal(directory);
  const entries: JournalEntry[] = [];
  for (let index = 0; index < count; index += 1) entries.push(await journal.append(note(`p${index % 3}`, { index })));
  await journal.close();
  if (options.crashed === true) await rm(join(directory, 'index.json'));
  const file = join(directory, 'segments/0000000001.jsonl');
  return { directory, file, bytes: await readFile(file), entries };
}

/** Opens, reads everything, closes. */
async function readAll(directory: string): Promise<{ entries: JournalEntry[]; journal: FileJournal }> {
  const journal = await openFileJournal(directory);
  try {
    const entries: JournalEntry[] = [];
    for (const { processId } of await journal.heads()) entries.push(...(await journal.read(processId)));
    return { entries, journal };
  } finally {
    await journal.close();
  }
}

describe('a journal with damaged bytes', () => {
  // J5
  it('never gives a wrong value, whichever byte of a hundred entries is flipped', async () => {
    const { directory, file, bytes, entries } = await filled(100);
    const original = new Map(entries.map((entry) => [`${entry.processId}/${entry.seq}`, JSON.stringify(entry)]));
    for (let offset = 0; offset < bytes.length; offset += stride) {
      const flipped = Buffer.from(bytes);
      flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 8));
      await writeFile(file, flipped);
      // The index proves that every byte was on stable storage.
      expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: false });
      if (offset % 4 !== 0) continue;
      try {
        const { entries: found } = await readAll(directory);
        for (const entry of found) expect(JSON.stringify(entry)).toBe(original.get(`${entry.processId}/${entry.seq}`));
        expect(offset).toBeLessThan(256); // only reading the header can be saved by the index
      } catch (error) {
        expect(error).toBeInstanceOf(JournalCorruptError);
      }
    }
  }, 120_000);

  // J5
  it('names the damaged line when it is opened without an index, whichever byte is flipped', async () => {
    const { directory, file, bytes } = await filled(20, { crashed: true });
    const lineStarts = bytes.toString('latin1').split('\n').reduce<number[]>((starts, line) => [...starts, (starts.at(-1) ?? 0) + line.length + 1], [0]);
    const lastLine = lineStarts.at(-3) ?? 0;
    for (let offset = 0; offset < lastLine; offset += 3) {
      const flipped = Buffer.from(bytes);
      flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 8));
      await writeFile(file, flipped);
      const damagedLine = lineStarts.filter((start) => start <= offset).at(-1);
      await expect(openFileJournal(directory)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT', file, offset: damagedLine });
    }
  }, 60_000);

  // J5
  it('is refused with file and offset, is repaired without touching the rest, and opens again', async () => {
    const { directory, file, bytes } = await filled(30);
    const lines = bytes.toString('utf8').split('\n');
    const offset = Buffer.byteLength(`${lines.slice(0, 8).join('\n')}\n`);
    const damaged = Buffer.from(bytes);
    damaged.write('XX', offset + 40);
    await writeFile(file, damaged);
    await rm(join(directory, 'index.json'));
    await expect(openFileJournal(directory)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT', file, offset });

    const found = await verifyJournal({ disk: nodeDisk }, directory);
    expect(found.isIntact).toBe(false);
    expect(found.damages).toMatchObject([{ file, offset, length: (lines[8]?.length ?? 0) + 1 }]);
    expect(found.gaps).toEqual([{ processId: 'p1', fromSeq: 3, toSeq: 3 }]);

    const repaired = await repairJournal(repairDeps, directory);
    expect(repaired.quarantined).toHaveLength(1);
    expect(await readFile(repaired.quarantined?.[0] ?? '', 'utf8')).toContain('XX');
    expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true, repairedGaps: 1 });
    const journal = await openFileJournal(directory);
    expect((await journal.read('p1')).map(({ seq }) => seq)).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect((await journal.read('p1', { limit: 1 }))[0]).toMatchObject({ entryType: 'journal_repaired', data: { lost_from_seq: 3, lost_to_seq: 3 } });
    expect((await journal.read('p0')).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await journal.append(note('p1'));
    await journal.close();
    expect((await verifyJournal({ disk: nodeDisk }, directory)).isIntact).toBe(true);
  });

  it('is repaired wherever one byte was flipped, and no sound entry is lost', async () => {
    const { directory, file, bytes, entries } = await filled(12);
    const offsets = Array.from({ length: 60 }, (_, index) => Math.floor((index * bytes.length) / 60) + (index % 7)).filter((offset) => offset < bytes.length);
    for (const offset of offsets) {
      const copy = await temporaryDirectory();
      await cp(directory, copy, { recursive: true });
      const flipped = Buffer.from(bytes);
      flipped[offset] = (flipped[offset] ?? 0) ^ 1;
      await writeFile(join(copy, file.slice(directory.length)), flipped);
      await repairJournal(repairDeps, copy);
      const { entries: kept } = await readAll(copy);
      const sound = kept.filter(({ entryType }) => entryType === 'note');
      // A flipped line end takes two lines with it.
      expect(sound.length).toBeGreaterThanOrEqual(entries.length - 2);
      for (const entry of sound) expect(entries).toContainEqual(entry);
      expect(await verifyJournal({ disk: nodeDisk }, copy)).toMatchObject({ isIntact: true });
    }
  }, 60_000);

  it('tells that synced entries are gone when the file is shorter than the index says, and repair keeps the rest', async () => {
    const { directory, file, bytes } = await filled(10);
    await truncate(file, bytes.length - 5);
    await expect(openFileJournal(directory)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT', offset: bytes.length - 5 });
    expect((await verifyJournal({ disk: nodeDisk }, directory)).isIntact).toBe(false);
    await repairJournal(repairDeps, directory);
    expect((await readAll(directory)).entries.filter(({ entryType }) => entryType === 'note')).toHaveLength(9);
  });

  it('notices that a checkpoint is ahead of its log', async () => {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory);
    await journal.append(note('p'));
    const last = await journal.append(note('p'));
    await journal.checkpoint('p', { seq: 2, hash: last.hash, state: { at: 2 } });
    await journal.close();
    await rm(join(directory, 'index.json'));
    const file = join(directory, 'segments/0000000001.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, 2).join('\n')}\n`);
    await expect(openFileJournal(directory)).rejects.toThrow(/checkpoint proves that entry 2 was on disk/);
    await repairJournal(repairDeps, directory);
    const again = await openFileJournal(directory);
    expect(await again.lastCheckpoint('p')).toBeUndefined();
    expect(await again.read('p')).toMatchObject([{ seq: 1 }, { seq: 2, entryType: 'journal_repaired', data: { lost_from_seq: 2 } }]);
    await again.close();
  });

  it('reads all segments when the index is damaged', async () => {
    const { directory, entries } = await filled(20);
    await writeFile(join(directory, 'index.json'), '{"v":1}');
    const { journal, entries: found } = await readAll(directory);
    expect(found).toHaveLength(entries.length);
    expect(journal.recovery).toMatchObject({ usedIndex: false, scannedEntries: 20 });
  });
});

describe('a journal whose end is missing', () => {
  // J6
  it('recovers the prefix wherever the last three entries are cut after a crash', async () => {
    const { directory, file, bytes, entries } = await filled(10, { crashed: true });
    const lines = bytes.toString('utf8').split('\n');
    const ends = lines.slice(0, -1).map((_, index) => Buffer.byteLength(lines.slice(0, index + 1).join('\n')) + 1);
    for (let length = ends[7] ?? 0; length <= bytes.length; length += 1) {
      await rm(join(directory, 'segments'), { recursive: true });
      await nodeDisk.makeDirectory(join(directory, 'segments'));
      await writeFile(file, bytes.subarray(0, length));
      const journal = await openFileJournal(directory);
      const complete = ends.filter((end) => end <= length).length - 1; // the first line is the header
      const found = (await Promise.all(['p0', 'p1', 'p2'].map((each) => journal.read(each)))).flat();
      expect(found).toHaveLength(complete);
      for (const entry of found) expect(entries).toContainEqual(entry);
      expect(journal.recovery.cutBytes).toBe(length - (ends[complete] ?? 0));
      // Nothing is glued to the rest: what is written next is read back.
      const next = await journal.append(note('p0', { next: true }));
      await journal.close();
      await rm(join(directory, 'index.json'));
      const again = await openFileJournal(directory);
      expect((await again.read('p0', { limit: 1 }))[0]).toEqual(next);
      await again.close();
      await rm(join(directory, 'index.json'));
    }
  }, 60_000);

  // J6
  it.each([
    ['an empty file', ''],
    ['only a line end', '\n'],
    ['only CRLF', '\r\n'],
    ['only a byte order mark', '\ufeff'],
    ['zeros', '\0'.repeat(700)],
  ])('opens with %s as its newest segment', async (_, content) => {
    const { directory, entries } = await filled(5, { crashed: true });
    await writeFile(join(directory, 'segments/0000000002.jsonl'), content);
    const { entries: found } = await readAll(directory);
    expect(found).toHaveLength(entries.length);
    expect(await readdir(join(directory, 'segments'))).toEqual(['0000000001.jsonl']);
  });

  it.each([['CRLF', '\r\n'], ['a byte order mark', '\ufeff'], ['zeros', '\0'.repeat(512)]])('cuts %s after its last entry and keeps it aside', async (_, garbage) => {
    const { directory, file, bytes, entries } = await filled(5, { crashed: true });
    await writeFile(file, Buffer.concat([bytes, Buffer.from(garbage)]));
    const { entries: found, journal } = await readAll(directory);
    expect(found).toHaveLength(entries.length);
    expect(journal.recovery.cutBytes).toBe(Buffer.byteLength(garbage));
    expect(await readFile(journal.recovery.quarantineFile ?? '', 'utf8')).toBe(garbage);
  });

  it('drops a write of several entries as a whole when its end is missing', async () => {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory);
    await journal.append(note('p', { kept: true }));
    await journal.write([1, 2, 3].map((index) => note('p', { index }))).durable;
    await journal.close();
    await rm(join(directory, 'index.json'));
    const file = join(directory, 'segments/0000000001.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, 4).join('\n')}\n`); // header, the first write, two of three
    const { entries, journal: opened } = await readAll(directory);
    expect(entries.map(({ data }) => data)).toEqual([{ kept: true }]);
    expect(opened.recovery.cutEntries).toBe(2);
  });

  it('refuses a segment that is missing in the middle', async () => {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory, { segmentBytes: 1024 });
    for (let index = 0; index < 30; index += 1) await journal.append(note('p', { index }));
    await journal.close();
    await rm(join(directory, 'index.json'));
    await rm(join(directory, 'segments/0000000002.jsonl'));
    await expect(openFileJournal(directory)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    expect((await verifyJournal({ disk: nodeDisk }, directory)).isIntact).toBe(false);
    await repairJournal(repairDeps, directory);
    const { entries } = await readAll(directory);
    expect(entries.at(-1)?.entryType).toBe('journal_repaired');
    expect(entries.length).toBeGreaterThan(15);
  });
});
