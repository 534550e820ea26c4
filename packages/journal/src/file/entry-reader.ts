import type { Disk } from '@cortex-runtime/core';

import { JournalCorruptError } from '../errors.ts';
import type { JournalEntry } from '../journal-entry.ts';
import type { JournalQuery } from '../journal.ts';
import { matchesQuery } from '../matches-query.ts';
import { decodeEntry, decodeLine, isLinked, lineHash, processNeedle, zeroHash, type Location } from './entry-line.ts';
import type { Head } from './head-table.ts';
import { gapKey, type Gap, type KnownGaps } from './known-gaps.ts';
import { headerBytes, listSegments, readHeader } from './segment-file.ts';
import { BackwardReader, eachLine, readLines, type SegmentFiles } from './segment-reader.ts';

/** What one step back along the pointers costs, in bytes of reading straight through. */
const stepBytes = 8 * 1024;
/** Up to here the pointers are always followed. */
const fewEntries = 64;
const manyEntries = 20_000;

/** Reads and verifies the log of one process in segments that it shares with others. */
export class EntryReader {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #files: SegmentFiles;
  readonly #known: KnownGaps;
  readonly #gaps: Map<string, Gap>;
  readonly #ends = new Map<number, number>();

  constructor(disk: Disk, directory: string, files: SegmentFiles, known: KnownGaps) {
    this.#disk = disk;
    this.#directory = directory;
    this.#files = files;
    this.#known = known;
    this.#gaps = new Map(known.gaps.map((gap) => [gapKey(gap.resume), gap]));
  }

  /** Entries that match, oldest first, some at a time. */
  async *scan(processId: string, head: Head, query: Omit<JournalQuery, 'limit' | 'direction'>): AsyncGenerator<JournalEntry[]> {
    const wanted = head.seq - (query.sinceSeq ?? 0);
    if (wanted <= 0) return;
    if (wanted > fewEntries && (wanted > manyEntries || wanted * stepBytes > (await this.#bytesBefore(head)))) {
      yield* this.#forward(processId, head, query);
      return;
    }
    const found: JournalEntry[] = [];
    for await (const entry of this.#backward(processId, head)) {
      if (entry.seq <= (query.sinceSeq ?? 0)) break;
      if (matchesQuery(entry, query)) found.push(entry);
    }
    yield found.reverse();
  }

  async newest(processId: string, head: Head, query: JournalQuery, limit: number): Promise<JournalEntry[]> {
    const found: JournalEntry[] = [];
    let visited = 0;
    for await (const entry of this.#backward(processId, head)) {
      if (found.length >= limit || entry.seq <= (query.sinceSeq ?? 0)) break;
      if (matchesQuery(entry, query)) found.push(entry);
      visited += 1;
      if (visited === manyEntries && found.length < limit) return this.#newestByScan(processId, head, query, limit);
    }
    return found.reverse();
  }

  /** For a rare type in a long log. */
  async #newestByScan(processId: string, head: Head, query: JournalQuery, limit: number): Promise<JournalEntry[]> {
    const found: JournalEntry[] = [];
    for await (const entries of this.#forward(processId, head, query)) {
      found.push(...entries);
      if (found.length > limit * 2) found.splice(0, found.length - limit);
    }
    return found.slice(-limit);
  }

  async *#backward(processId: string, head: Head): AsyncGenerator<JournalEntry> {
    const reader = new BackwardReader(this.#files);
    let at: Location = head;
    let text = await this.#line(reader, at);
    if (lineHash(text) !== head.hash) throw this.#corrupt(at, `entry ${head.seq} of process ${processId} is not the one that was written`);
    for (;;) {
      const line = decodeLine(text);
      const hash = lineHash(text);
      if (line?.entry.processId !== processId || hash === undefined) throw this.#corrupt(at, 'the line is not an entry of the process that points to it');
      const { seq } = line.entry;
      const gap = this.#gaps.get(gapKey(at));
      const anchor = this.#known.anchors[processId];
      let previous: Location | null = gap === undefined ? (line.prev ?? null) : gap.before;
      let previousHash: string | undefined = zeroHash;
      let previousText = '';
      if (gap === undefined && anchor?.seq === seq - 1) {
        previousHash = anchor.hash;
        previous = null;
      } else if (previous !== null) {
        previousText = await this.#predecessor(reader, at, previous);
        previousHash = lineHash(previousText);
      }
      if (previousHash === undefined || (gap === undefined && !isLinked(text, previousHash, hash))) {
        throw this.#corrupt(at, `entry ${seq} of process ${processId} or the one before it is not what was written`);
      }
      yield line.entry;
      if (previous === null) return;
      at = previous;
      text = previousText;
    }
  }

  /** The matching entries, a chunk of the file at a time. */
  async *#forward(processId: string, head: Head, query: Omit<JournalQuery, 'limit' | 'direction'>): AsyncGenerator<JournalEntry[]> {
    const needle = processNeedle(processId);
    const anchor = this.#known.anchors[processId];
    let seq = anchor?.seq ?? 0;
    let hash = anchor?.hash ?? zeroHash;
    for (const segment of await listSegments(this.#disk, this.#directory)) {
      if (segment > head.segment) break;
      const to = await this.#end(segment);
      const readFrom = (from: number) => {
        const reading = this.#files.use(segment, (file) => readLines(file, from, to));
        reading.catch(() => undefined); // the one who waits for it is told, if anybody still does
        return reading;
      };
      for (let reading = readFrom(headerBytes); ; ) {
        const chunk = await reading;
        const next = chunk.offset + chunk.bytes.length;
        if (chunk.bytes.length === 0) break;
        reading = readFrom(next); // on its way while these lines are verified
        const found: JournalEntry[] = [];
        eachLine(chunk, (text, offset) => {
          if (!text.includes(needle)) return true;
          const entry = decodeEntry(text);
          if (entry !== undefined && entry.processId !== processId) return true;
          const isAfterGap = this.#gaps.size > 0 && this.#gaps.has(gapKey({ segment, offset }));
          if (entry === undefined || (!isAfterGap && (entry.seq !== seq + 1 || !isLinked(text, hash, entry.hash)))) {
            throw this.#corrupt({ segment, offset }, `the entry after entry ${seq} of process ${processId} is not what was written`);
          }
          ({ seq, hash } = entry);
          if (matchesQuery(entry, query)) found.push(entry);
          return seq < head.seq;
        });
        yield found;
        if (seq >= head.seq || (query.untilSeq !== undefined && seq >= query.untilSeq)) return;
      }
    }
    throw this.#corrupt(head, `process ${processId} ends at entry ${seq}, but ${head.seq} entries were on disk`);
  }

  /** How much of a segment counts: what a former owner appended after the next one had begun does not. */
  async #end(segment: number): Promise<number> {
    const known = this.#ends.get(segment);
    if (known !== undefined) return known;
    if ((await this.#disk.stat(this.#files.path(segment + 1))) === undefined) return this.#files.use(segment, (file) => file.size());
    const sealed = (await readHeader(this.#disk, this.#files.path(segment + 1)))?.after?.bytes;
    if (sealed === undefined) throw this.#corrupt({ segment: segment + 1, offset: 0 }, 'the segment does not begin with its header');
    this.#ends.set(segment, sealed);
    return sealed;
  }

  async #bytesBefore(head: Head): Promise<number> {
    const segments = (await listSegments(this.#disk, this.#directory)).filter((segment) => segment < head.segment);
    let bytes = head.offset;
    for (const segment of segments) bytes += await this.#end(segment);
    return bytes;
  }

  async #line(reader: BackwardReader, at: Location): Promise<string> {
    const text = await reader.line(at.segment, at.offset);
    if (text === undefined) throw this.#corrupt(at, 'the line has no end');
    return text;
  }

  /** The line that `at` points to. The pointer itself may be what is damaged: it is believed only as far as it can be right. */
  async #predecessor(reader: BackwardReader, at: Location, previous: Location): Promise<string> {
    const { segment, offset } = previous;
    const comesBefore = segment < at.segment || (segment === at.segment && offset < at.offset);
    if (Number.isSafeInteger(segment) && Number.isSafeInteger(offset) && offset >= headerBytes && comesBefore) {
      const isThere = segment === at.segment || (await this.#disk.stat(this.#files.path(segment))) !== undefined;
      const text = isThere ? await reader.line(segment, offset) : undefined;
      if (text !== undefined) return text;
    }
    throw this.#corrupt(at, `the entry points to ${segment}:${offset}, where there is none`);
  }

  #corrupt({ segment, offset }: Location, problem: string): JournalCorruptError {
    return new JournalCorruptError({ file: this.#files.path(segment), offset, problem });
  }
}
