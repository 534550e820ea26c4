import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { nodeDisk } from '@cortex-runtime/core/node';
import { describe, expect, it } from 'vitest';

import { soleOwnerLock, verifyJournal, type JournalEntry } from '../src/index.ts';
import { note, openFileJournal, temporaryDirectory } from './journal-directory.ts';
import { wrapDisk } from './wrap-disk.ts';

describe('a file journal', () => {
  it('gives a hundred agents one sync', async () => {
    let syncs = 0;
    const disk = wrapDisk((file, path) => (path.includes('segments') ? { datasync: () => ((syncs += 1), file.datasync()) } : {}));
    const journal = await openFileJournal(await temporaryDirectory(), {}, { disk });
    await Promise.all(Array.from({ length: 100 }, async (_, agent) => {
      for (let step = 0; step < 10; step += 1) await journal.append(note(`agent-${agent}`, { step }));
    }));
    expect(syncs).toBeLessThanOrEqual(20); // 1,000 appends in 10 rounds
    expect((await journal.heads()).map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, () => 10));
    await journal.close();
  });

  it('lets ten thousand agents checkpoint with a few syncs', async () => {
    let syncs = 0;
    const disk = wrapDisk((file) => ({ datasync: () => ((syncs += 1), file.datasync()) }));
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory, {}, { disk });
    const entries = await Promise.all(Array.from({ length: 10_000 }, (_, agent) => journal.append(note(`agent-${agent}`))));
    syncs = 0;
    await Promise.all(entries.map(({ processId, seq, hash }) => journal.checkpoint(processId, { seq, hash, state: { processId } })));
    expect(syncs).toBeLessThan(20);
    await journal.close();
    const again = await openFileJournal(directory);
    expect(again.recovery).toMatchObject({ usedIndex: true, scannedEntries: 0 });
    expect((await again.heads()).every(({ checkpointSeq }) => checkpointSeq === 1)).toBe(true);
    expect((await again.lastCheckpoint('agent-77'))?.state).toEqual({ processId: 'agent-77' });
    await again.close();
  }, 30_000);

  it('can be read with nothing but a text tool', async () => {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory);
    await journal.append(note('p', { n: 1 }));
    await journal.write([note('p', { n: 2 }), note('p', { n: 3 })]).durable;
    await journal.close();
    const lines = (await readFile(join(directory, 'segments/0000000001.jsonl'), 'utf8')).split('\n');
    const [header, ...records] = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(header).toMatchObject({ v: 1, segment: 1, epoch: 1 });
    expect(records.map(({ seq, process_id, entry_type, data, prev, batch, more }) => [seq, process_id, entry_type, data, prev, batch, more])).toEqual([
      [1, 'p', 'note', { n: 1 }, undefined, 1, undefined],
      [2, 'p', 'note', { n: 2 }, '1:256', 2, true],
      [3, 'p', 'note', { n: 3 }, `1:${256 + (lines[1]?.length ?? 0) + 1}`, undefined, undefined],
    ]);
  });

  it('goes on over many segments and many openings', async () => {
    const directory = await temporaryDirectory();
    const written: JournalEntry[] = [];
    for (let opening = 0; opening < 6; opening += 1) {
      const journal = await openFileJournal(directory, { segmentBytes: 2048 });
      for (let index = 0; index < 20; index += 1) written.push(await journal.append(note(index % 4 === 0 ? 'rare' : 'p', { opening, index })));
      await journal.close();
    }
    const journal = await openFileJournal(directory, { segmentBytes: 2048 });
    expect(await journal.read('p')).toEqual(written.filter(({ processId }) => processId === 'p'));
    expect(await journal.read('rare', { limit: 3 })).toEqual(written.filter(({ processId }) => processId === 'rare').slice(-3));
    expect((await readdir(join(directory, 'segments'))).length).toBeGreaterThan(10);
    await journal.close();
    expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true, entries: 120 });
  });

  it('reads a log through its segments and backwards along its pointers alike', async () => {
    const journal = await openFileJournal(await temporaryDirectory(), { segmentBytes: 8192 });
    for (let index = 0; index < 300; index += 1) journal.write([note(`p${index % 50}`, { index }), note(`p${index % 50}`, { index })]);
    for (let index = 0; index < 1000; index += 1) journal.write([note('long', { index })]);
    const all = await journal.read('long');
    expect(all.map(({ data }) => data['index'])).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(await journal.read('long', { limit: 40 })).toEqual(all.slice(-40));
    expect(await journal.read('long', { sinceSeq: 960 })).toEqual(all.slice(-40));
    expect(await journal.read('long', { sinceSeq: 100, untilSeq: 400 })).toEqual(all.slice(100, 400));
    expect(await journal.read('p7')).toHaveLength(12);
    await journal.close();
  });

  // J4, governed-process D9
  it('acknowledges nothing after a failed sync, never tries it again, and recovers when it is opened again', async () => {
    const directory = await temporaryDirectory();
    let syncs = 0;
    const disk = wrapDisk((file, path) => (path.includes('segments') ? {
      async datasync() {
        syncs += 1;
        if (syncs === 3) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
        await file.datasync();
      },
    } : {}));
    const journal = await openFileJournal(directory, {}, { disk });
    const acknowledged: JournalEntry[] = [];
    const outcomes = await Promise.allSettled([1, 2].map(async (round) => {
      for (let index = 0; index < 5; index += 1) acknowledged.push(await journal.append(note('p', { round, index })));
    }));
    expect(outcomes.map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : 'kept'))).toEqual(['JOURNAL_FAILED', 'JOURNAL_FAILED']);
    expect(() => journal.write([note('p')])).toThrow(/stopped after a failed write .*EIO/);
    await expect(journal.checkpoint('p', { seq: 1, hash: '', state: {} })).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
    await journal.close();
    expect(syncs).toBe(3);
    const again = await openFileJournal(directory);
    const found = await again.read('p');
    expect(found.slice(0, acknowledged.length)).toEqual(acknowledged);
    await again.close();
  });

  // J3
  it('glues nothing to what a full disk left', async () => {
    const directory = await temporaryDirectory();
    let isFull = false;
    const disk = wrapDisk((file, path) => (path.includes('segments') ? {
      async write(data, position) {
        await file.write(isFull ? data.subarray(0, 100) : data, position);
        if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
    } : {}));
    const journal = await openFileJournal(directory, {}, { disk });
    const first = await journal.append(note('p', { n: 1 }));
    isFull = true;
    await expect(journal.append(note('p', { n: 2 }))).rejects.toMatchObject({ code: 'JOURNAL_FAILED', message: expect.stringContaining('ENOSPC') });
    await expect(journal.append(note('p', { n: 3 }))).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
    await journal.close();
    const again = await openFileJournal(directory);
    expect(again.recovery).toMatchObject({ cutBytes: 100, cutEntries: 0 });
    const second = await again.append(note('p', { n: 4 }));
    expect(await again.read('p')).toEqual([first, second]);
    await again.close();
    expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true, entries: 2 });
  });

  // J7, governed-process D8
  it('ignores what a former owner writes after the next one has begun', async () => {
    const directory = await temporaryDirectory();
    let isFormer = false;
    let confirmations = 0;
    // The worst case: it finds out only after it has written.
    const lock = { ...soleOwnerLock(), confirm: async () => { if (isFormer && (confirmations += 1) > 2) throw new Error('taken over'); } };
    const former = await openFileJournal(directory, {}, { lock });
    await former.append(note('p', { owner: 1 }));
    isFormer = true;
    const owner = await openFileJournal(directory, {}, { lock: soleOwnerLock(2) });
    await owner.append(note('p', { owner: 2 }));
    await former.append(note('p', { owner: 'too late' }));
    await former.close();
    await owner.append(note('p', { owner: 2 }));
    expect((await owner.read('p')).map(({ data }) => data['owner'])).toEqual([1, 2, 2]);
    await owner.close();
    for (const _ of [1, 2]) {
      const again = await openFileJournal(directory, {}, { lock: soleOwnerLock(3) });
      expect((await again.read('p')).map(({ data }) => data['owner'])).toEqual([1, 2, 2]);
      await again.close();
      await nodeDisk.remove(join(directory, 'index.json'));
    }
    expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true, entries: 3 });
  });

  it('stops when its lock is lost, before anything is written', async () => {
    const directory = await temporaryDirectory();
    let isHeld = true;
    const lock = { ...soleOwnerLock(), confirm: async () => { if (!isHeld) throw new Error('taken over'); } };
    const journal = await openFileJournal(directory, {}, { lock });
    await journal.append(note('p'));
    const { size } = await stat(join(directory, 'segments/0000000001.jsonl'));
    isHeld = false;
    await expect(journal.append(note('p'))).rejects.toMatchObject({ code: 'JOURNAL_FAILED', message: expect.stringContaining('taken over') });
    expect((await stat(join(directory, 'segments/0000000001.jsonl'))).size).toBe(size);
    await journal.close();
  });

  it('refuses an entry that is too long before anything is queued', async () => {
    const journal = await openFileJournal(await temporaryDirectory(), { maxEntryBytes: 2048 });
    await journal.append(note('p'));
    expect(() => journal.write([note('p'), note('p', { long: 'x'.repeat(3000) })])).toThrow(/entry of 3\d\d\d bytes .*up to 2048/);
    expect((await journal.append(note('p'))).seq).toBe(2);
    await journal.close();
  });

  // J11
  it('refuses a segment of a newer version and says what to do', async () => {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory);
    await journal.append(note('p'));
    await journal.close();
    await nodeDisk.remove(join(directory, 'index.json'));
    const { encodeHeader } = await import('../src/file/segment-file.ts');
    const file = join(directory, 'segments/0000000001.jsonl');
    const bytes = await readFile(file);
    bytes.write(encodeHeader({ v: 2, segment: 1, epoch: 1, opened_at: '2030-01-01T00:00:00.000Z' }), 0);
    await writeFile(file, bytes);
    await expect(openFileJournal(directory)).rejects.toMatchObject({ code: 'JOURNAL_FORMAT', message: expect.stringContaining('upgrade') });
  });

  // J11
  it('reads what the first version wrote', async () => {
    const directory = await temporaryDirectory();
    await nodeDisk.makeDirectory(join(directory, 'segments'));
    await writeFile(join(directory, 'segments/0000000001.jsonl'), await readFile(new URL('fixtures/segment-v1.jsonl', import.meta.url)));
    const journal = await openFileJournal(directory);
    expect((await journal.read('agent-1')).map(({ seq, entryType, data }) => [seq, entryType, data])).toEqual([
      [1, 'trigger_event', { event_id: 'e1', payload: { text: 'grüße' } }],
      [2, 'invocation_result', { event_id: 'e1', status: 'completed' }],
    ]);
    await journal.close();
  });

  // J11
  it('removes old segments only behind the checkpoints of everybody in them', async () => {
    const directory = await temporaryDirectory();
    const options = { segmentBytes: 4096, maxBytes: 12_000 };
    const journal = await openFileJournal(directory, options);
    const fill = async (count: number) => {
      for (let index = 0; index < count; index += 1) await journal.append(note('busy', { text: 'x'.repeat(100) }));
      const { seq, hash } = await journal.head('busy');
      await journal.checkpoint('busy', { seq, hash, state: { seq } });
    };
    const idle = await journal.append(note('idle'));
    await fill(100);
    await fill(20);
    expect((await readdir(join(directory, 'segments')))[0]).toBe('0000000001.jsonl'); // idle needs it
    await journal.checkpoint('idle', { seq: 1, hash: idle.hash, state: { slept: true } });
    await fill(60);
    await fill(60);
    await journal.close();
    const names = await readdir(join(directory, 'segments'));
    expect(names.length).toBeLessThan(6);
    expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true });
    for (const withIndex of [true, false]) {
      if (!withIndex) await nodeDisk.remove(join(directory, 'index.json'));
      const again = await openFileJournal(directory, options);
      expect(await again.head('idle')).toEqual({ processId: 'idle', seq: 1, hash: idle.hash, checkpointSeq: 1 });
      expect(await again.head('busy')).toMatchObject({ seq: 240, checkpointSeq: 240 });
      const rest = await again.read('busy');
      expect(rest.map(({ seq }) => seq)).toEqual(Array.from({ length: rest.length }, (_, index) => 240 - rest.length + 1 + index));
      expect((await again.read('busy', { limit: 2 })).map(({ seq }) => seq)).toEqual([239, 240]);
      await again.close();
    }
    const last = await openFileJournal(directory, options);
    expect((await last.append(note('idle'))).seq).toBe(2);
    expect(await last.read('idle')).toMatchObject([{ seq: 2 }]);
    await last.close();
    expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true });
  });
});

describe('checkpoints of a file journal', () => {
  async function twoCheckpoints() {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory);
    for (const at of [1, 2]) {
      const { seq, hash } = await journal.append(note('p', { at }));
      await journal.checkpoint('p', { seq, hash, state: { at } });
    }
    await journal.close();
    return { directory, file: join(directory, 'checkpoints/0000000001.jsonl') };
  }

  // J8, governed-process D7
  it('give the old one or the new one, never a part, wherever the newest is cut or damaged', async () => {
    const { directory, file } = await twoCheckpoints();
    const bytes = await readFile(file);
    const start = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
    for (let offset = start; offset < bytes.length; offset += 5) {
      for (const damaged of [bytes.subarray(0, offset), Buffer.concat([bytes.subarray(0, offset), Buffer.from([(bytes[offset] ?? 0) ^ 4]), bytes.subarray(offset + 1)])]) {
        await writeFile(file, damaged);
        const journal = await openFileJournal(directory);
        expect((await journal.lastCheckpoint('p'))?.state).toEqual({ at: 1 });
        await journal.close();
      }
    }
  });

  it('give way to the log when all are damaged', async () => {
    const { directory, file } = await twoCheckpoints();
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('"state"', '"STATE"'));
    await nodeDisk.remove(join(directory, 'index.json'));
    const journal = await openFileJournal(directory);
    expect(await journal.lastCheckpoint('p')).toBeUndefined();
    expect(await journal.read('p')).toHaveLength(2);
    await journal.close();
  });

  it('take no more space than a few times what is live, and keep the newest two', async () => {
    const directory = await temporaryDirectory();
    const journal = await openFileJournal(directory, { segmentBytes: 1024 * 1024 });
    const text = 'x'.repeat(20_000);
    const entries: JournalEntry[] = [];
    for (let round = 0; round < 60; round += 1) {
      await Promise.all(Array.from({ length: 20 }, async (_, agent) => {
        const entry = await journal.append(note(`p${agent}`, { round }));
        entries.push(entry);
        await journal.checkpoint(`p${agent}`, { seq: entry.seq, hash: entry.hash, state: { round, text } });
      }));
    }
    await journal.close();
    let bytes = 0;
    for (const name of await readdir(join(directory, 'checkpoints'))) bytes += (await stat(join(directory, 'checkpoints', name))).size;
    expect(bytes).toBeLessThan(20 * 1024 * 1024); // 24 MB were written
    for (const withIndex of [true, false]) {
      if (!withIndex) await nodeDisk.remove(join(directory, 'index.json'));
      const again = await openFileJournal(directory);
      for (let agent = 0; agent < 20; agent += 1) {
        expect((await again.lastCheckpoint(`p${agent}`))?.seq).toBe(60);
        expect((await again.lastCheckpoint(`p${agent}`, 59))?.seq).toBe(59);
      }
      await again.close();
    }
  }, 30_000);
});
