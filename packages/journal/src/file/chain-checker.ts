import { decodeLine, isLinked, lineHash, type Line } from './entry-line.ts';
import type { HeadTable } from './head-table.ts';
import { gapKey, type Gap, type KnownGaps } from './known-gaps.ts';

export type Checked = { line: Line; problem?: undefined } | { line?: Line; problem: string };

/** Follows the chains of all processes through the segments, line by line, and keeps the head of each. */
export class ChainChecker {
  readonly table: HeadTable;
  readonly #known: KnownGaps;
  readonly #gaps: Map<string, Gap>;

  constructor(table: HeadTable, known: KnownGaps) {
    this.table = table;
    this.#known = known;
    this.#gaps = new Map(known.gaps.map((gap) => [gapKey(gap.resume), gap]));
  }

  /** Takes the line in when it continues its process's chain; says what is wrong otherwise, and changes nothing. */
  accept(text: string, segment: number, offset: number): Checked {
    const line = decodeLine(text);
    const hash = lineHash(text);
    if (line === undefined || hash === undefined) return { problem: 'the line is not an entry' };
    const { processId, seq } = line.entry;
    if (this.table.seq(processId) === 0) {
      const anchor = this.#known.anchors[processId];
      if (anchor !== undefined) this.table.setHead(processId, anchor.seq, anchor.hash, anchor.segment, anchor.offset);
    }
    const gap = this.#gaps.size === 0 ? undefined : this.#gaps.get(gapKey({ segment, offset }));
    if (gap?.resume.hash === hash && gap.process_id === processId) {
      this.table.setHead(processId, seq, hash, segment, offset);
      return { line };
    }
    const expected = this.table.seq(processId) + 1;
    if (seq !== expected) return { line, problem: `entry ${seq} of process ${processId} stands where entry ${expected} was expected` };
    if (!isLinked(text, this.table.hash(processId), hash)) return { line, problem: `entry ${seq} of process ${processId} does not match its hash` };
    const head = this.table.head(processId);
    if (head !== undefined && (line.prev?.segment !== head.segment || line.prev.offset !== head.offset)) {
      return { line, problem: `entry ${seq} of process ${processId} points to another predecessor` };
    }
    this.table.setHead(processId, seq, hash, segment, offset);
    return { line };
  }
}
