import type { JsonObject, JsonValue } from '@cortex-runtime/core';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { Journal, NewJournalEntry } from '../index.ts';

/** Opens an empty journal; the suite closes it. */
export type OpenJournal = (options?: { redact?: (data: JsonObject) => JsonObject }) => Promise<Journal>;

const note = (processId: string, data: JsonObject = {}, entryType = 'note'): NewJournalEntry => ({ processId, entryType, data });

/** The promises of {@link Journal}, which every adapter keeps. `exceptions` names those that one does not, with the reason. */
export function describeJournalContract(name: string, openJournal: OpenJournal, exceptions: Record<string, string> = {}): void {
  const promise = (title: string, test: (open: OpenJournal) => Promise<void>) => {
    const reason = exceptions[title];
    if (reason !== undefined) return it.skip(`${title} (${reason})`, () => undefined);
    return it(title, () => test(async (options) => {
      const journal = await openJournal(options);
      onTestFinished(() => journal.close());
      return journal;
    }));
  };

  describe(`${name} as a journal`, () => {
    promise('numbers the entries of each process from 1 without gaps', async (open) => {
      const journal = await open();
      for (const processId of ['a', 'b', 'a', 'a', 'b']) await journal.append(note(processId));
      expect((await journal.read('a')).map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect((await journal.read('b')).map(({ seq }) => seq)).toEqual([1, 2]);
    });

    promise('gives back what was written, field by field', async (open) => {
      const journal = await open();
      const written = await journal.append({ processId: 'a', entryType: 'tool_call', data: { args: { q: 'é\u2028"\n' } }, runId: 'run-1', cause: ['event-1'] });
      expect(await journal.read('a')).toEqual([written]);
      expect(written).toMatchObject({ seq: 1, processId: 'a', entryType: 'tool_call', runId: 'run-1', cause: ['event-1'], data: { args: { q: 'é\u2028"\n' } } });
      expect(written.hash).toMatch(/^[0-9a-f]{64}$/);
      expect(new Date(written.timestamp).toISOString()).toBe(written.timestamp);
    });

    promise('has heads for processes with entries only', async (open) => {
      const journal = await open();
      expect(await journal.heads()).toEqual([]);
      const last = await journal.append(note('a'));
      expect(await journal.heads()).toEqual([{ processId: 'a', seq: 1, hash: last.hash, checkpointSeq: 0 }]);
      expect(await journal.head('nobody')).toEqual({ processId: 'nobody', seq: 0, hash: '0'.repeat(64), checkpointSeq: 0 });
    });

    promise('numbers and hashes in the same step in which it is asked to write', async (open) => {
      const journal = await open();
      const first = journal.write([note('a')]);
      const second = journal.write([note('a'), note('a')]);
      expect([...first.entries, ...second.entries].map(({ seq }) => seq)).toEqual([1, 2, 3]);
      await second.durable;
      expect(await journal.read('a')).toEqual([...first.entries, ...second.entries]);
    });

    promise('gives the newest entries of those that match, in order, when there is a limit', async (open) => {
      const journal = await open();
      for (let index = 1; index <= 9; index += 1) await journal.append(note('a', { index }, index % 2 === 0 ? 'even' : 'odd'));
      const seqs = async (query: Parameters<Journal['read']>[1]) => (await journal.read('a', query)).map(({ seq }) => seq);
      expect(await seqs({ limit: 3 })).toEqual([7, 8, 9]);
      expect(await seqs({ limit: 3, direction: 'forward' })).toEqual([1, 2, 3]);
      expect(await seqs({ limit: 2, entryType: 'even' })).toEqual([6, 8]);
      expect(await seqs({ limit: 2, entryType: ['even'], direction: 'forward' })).toEqual([2, 4]);
      expect(await seqs({ sinceSeq: 4, untilSeq: 6 })).toEqual([5, 6]);
      expect(await seqs({ sinceSeq: 9 })).toEqual([]);
      expect(await seqs({ limit: 0 })).toEqual([]);
      expect(await seqs({ since: '2000-01-01T00:00:00Z', limit: 1 })).toEqual([9]);
      expect(await seqs({ since: '2999-01-01T00:00:00Z' })).toEqual([]);
      await expect(journal.read('a', { limit: -1 })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'limit' });
      await expect(journal.read('a', { since: 'yesterday' })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'since' });
    });

    promise('streams a log in order', async (open) => {
      const journal = await open();
      await journal.write(Array.from({ length: 200 }, (_, index) => note('a', { index }))).durable;
      const seen: number[] = [];
      for await (const { seq } of journal.scan('a', { sinceSeq: 100, untilSeq: 190 })) seen.push(seq);
      expect(seen).toEqual(Array.from({ length: 90 }, (_, index) => index + 101));
    });

    promise('keeps processes apart whose names look alike', async (open) => {
      const journal = await open();
      const names = ['a/b', 'a_b', 'A/b', '../a', 'é', 'e\u0301', 'con', ' ', '"', '__proto__', 'constructor'];
      for (const name of names) await journal.append(note(name, { name }));
      for (const name of names) {
        const entries = await journal.read(name);
        expect(entries.map(({ processId, seq, data }) => [processId, seq, data['name']])).toEqual([[name, 1, name]]);
        const head = await journal.head(name);
        await journal.checkpoint(name, { seq: 1, hash: head.hash, state: { name } });
      }
      for (const name of names) expect((await journal.lastCheckpoint(name))?.state).toEqual({ name });
    });

    // J10
    promise('refuses what JSON would alter, and writes nothing', async (open) => {
      const journal = await open();
      const cycle: Record<string, unknown> = {};
      cycle['self'] = cycle;
      const odd: unknown[] = [1n, Number.NaN, Number.POSITIVE_INFINITY, -0, new Date(0), () => 0, Symbol('s'), '\ud800', [undefined], new Map(), cycle];
      for (const value of odd) {
        expect(() => journal.write([note('a', { fine: true }), note('a', { value: value as JsonValue })])).toThrow(/data\.value/);
      }
      expect(() => journal.write([])).toThrow(/at least one entry/);
      expect(() => journal.write([note('a'), note('b')])).toThrow(/of one process/);
      expect(() => journal.write([note('')])).toThrow(/processId/);
      expect(() => journal.write([note('\ud800')])).toThrow(/surrogate/);
      expect(await journal.heads()).toEqual([]);
    });

    // J10
    promise('round-trips any JSON, also __proto__, separators and a long text', async (open) => {
      const journal = await open();
      const long = 'x'.repeat(3_000_000);
      const own = JSON.parse('{"__proto__":{"polluted":true},"\\u2028":"\\u2029"}') as JsonObject;
      await journal.append(note('a', { own, long }));
      const [entry] = await journal.read('a');
      expect(JSON.stringify(entry?.data)).toBe(JSON.stringify({ own, long }));
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    promise('reads back exactly what it returned when it wrote, for any data', async (open) => {
      const journal = await open();
      const name = fc.constantFrom('a', 'b', 'ü/ß');
      const json = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ noUnicodeString: false, maxDepth: 3 })).map((value) => JSON.parse(JSON.stringify(value).replaceAll('-0', '0')) as JsonObject);
      await fc.assert(
        fc.asyncProperty(name, fc.array(json, { minLength: 1, maxLength: 4 }), async (processId, all) => {
          const { entries, durable } = journal.write(all.map((data) => note(processId, data)));
          await durable;
          const read = await journal.read(processId, { limit: entries.length });
          expect(JSON.stringify(read.map(({ data }) => data))).toBe(JSON.stringify(entries.map(({ data }) => data)));
          expect(read.map(({ seq, hash }) => [seq, hash])).toEqual(entries.map(({ seq, hash }) => [seq, hash]));
        }),
        { numRuns: 50 },
      );
    });

    promise('keeps the newest checkpoints, and finds the one at or before an entry', async (open) => {
      const journal = await open();
      const entries = await Promise.all([1, 2, 3].map((index) => journal.append(note('a', { index }))));
      for (const { seq, hash } of entries) await journal.checkpoint('a', { seq, hash, state: { seq } });
      expect(await journal.lastCheckpoint('a')).toMatchObject({ processId: 'a', seq: 3, hash: entries[2]?.hash, state: { seq: 3 } });
      expect((await journal.lastCheckpoint('a', 2))?.seq).toBe(2);
      expect((await journal.head('a')).checkpointSeq).toBe(3);
      expect(await journal.lastCheckpoint('b')).toBeUndefined();
    });

    promise('refuses a checkpoint that does not match an entry of the log', async (open) => {
      const journal = await open();
      const [first, second] = [await journal.append(note('a')), await journal.append(note('a'))];
      await expect(journal.checkpoint('a', { seq: 2, hash: first.hash, state: {} })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'hash' });
      await expect(journal.checkpoint('a', { seq: 1, hash: second.hash, state: {} })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'hash' });
      await expect(journal.checkpoint('a', { seq: 3, hash: second.hash, state: {} })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'seq' });
      await expect(journal.checkpoint('b', { seq: 0, hash: '0'.repeat(64), state: {} })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
      await expect(journal.checkpoint('a', { seq: 2, hash: second.hash, state: { bad: Number.NaN } })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
      expect(await journal.lastCheckpoint('a')).toBeUndefined();
    });

    promise('takes the state of a checkpoint as it is when it is given', async (open) => {
      const journal = await open();
      const { seq, hash } = await journal.append(note('a'));
      const state = { items: [1] };
      const written = journal.checkpoint('a', { seq, hash, state });
      state.items.push(2);
      await written;
      expect((await journal.lastCheckpoint('a'))?.state).toEqual({ items: [1] });
    });

    promise('redacts data before it is hashed, returned or kept', async (open) => {
      const journal = await open({ redact: (data) => JSON.parse(JSON.stringify(data).replaceAll('hunter2', '[secret]')) as JsonObject });
      const written = await journal.append(note('a', { password: 'hunter2' }));
      expect(written.data).toEqual({ password: '[secret]' });
      await journal.checkpoint('a', { seq: 1, hash: written.hash, state: { last: 'hunter2' } });
      expect(await journal.read('a')).toEqual([written]);
      expect((await journal.lastCheckpoint('a'))?.state).toEqual({ last: '[secret]' });
    });

    promise('refuses everything after it was closed', async (open) => {
      const journal = await open();
      await journal.append(note('a'));
      await journal.close();
      await journal.close();
      expect(() => journal.write([note('a')])).toThrow(/closed/);
      await expect(journal.append(note('a'))).rejects.toMatchObject({ code: 'JOURNAL_CLOSED' });
      await expect(journal.read('a')).rejects.toMatchObject({ code: 'JOURNAL_CLOSED' });
      await expect(journal.heads()).rejects.toMatchObject({ code: 'JOURNAL_CLOSED' });
    });
  });
}
