import { zeroHash, type Location } from './entry-line.ts';

/** Where a checkpoint is kept: number of the file, bytes from its start, bytes. */
export interface CheckpointLocation extends Location {
  length: number;
}

export interface Head extends Location {
  seq: number;
  hash: string;
}

/**
 * The end of the log of every process, in columns: 68 bytes a row besides its name, so that ten thousand sleeping agents cost next to nothing.
 *
 * Columns grow together by doubling; a process keeps its row for as long as the journal is open.
 */
export class HeadTable {
  readonly #rows = new Map<string, number>();
  #capacity = 0;
  #seq = new Uint32Array(0);
  #segment = new Uint32Array(0);
  #offset = new Float64Array(0);
  #hash = Buffer.alloc(0);
  #checkpointSeq = new Uint32Array(0);
  #checkpointFile = new Uint32Array(0);
  #checkpointOffset = new Float64Array(0);
  #checkpointLength = new Uint32Array(0);

  get size(): number {
    return this.#rows.size;
  }

  processIds(): IterableIterator<string> {
    return this.#rows.keys();
  }

  head(processId: string): Head | undefined {
    const row = this.#rows.get(processId);
    if (row === undefined || this.#seq[row] === 0) return undefined;
    return {
      seq: this.#seq[row] ?? 0,
      hash: this.#hash.toString('hex', row * 32, row * 32 + 32),
      segment: this.#segment[row] ?? 0,
      offset: this.#offset[row] ?? 0,
    };
  }

  seq(processId: string): number {
    const row = this.#rows.get(processId);
    return row === undefined ? 0 : (this.#seq[row] ?? 0);
  }

  hash(processId: string): string {
    const row = this.#rows.get(processId);
    return row === undefined || this.#seq[row] === 0 ? zeroHash : this.#hash.toString('hex', row * 32, row * 32 + 32);
  }

  setHead(processId: string, seq: number, hash: string, segment: number, offset: number): void {
    const row = this.#row(processId);
    this.#seq[row] = seq;
    this.#segment[row] = segment;
    this.#offset[row] = offset;
    this.#hash.write(hash, row * 32, 32, 'hex');
  }

  checkpointSeq(processId: string): number {
    const row = this.#rows.get(processId);
    return row === undefined ? 0 : (this.#checkpointSeq[row] ?? 0);
  }

  checkpoint(processId: string): CheckpointLocation | undefined {
    const row = this.#rows.get(processId);
    if (row === undefined || this.#checkpointSeq[row] === 0) return undefined;
    return { segment: this.#checkpointFile[row] ?? 0, offset: this.#checkpointOffset[row] ?? 0, length: this.#checkpointLength[row] ?? 0 };
  }

  setCheckpoint(processId: string, seq: number, location: CheckpointLocation): void {
    const row = this.#row(processId);
    this.#checkpointSeq[row] = seq;
    this.#checkpointFile[row] = location.segment;
    this.#checkpointOffset[row] = location.offset;
    this.#checkpointLength[row] = location.length;
  }

  #row(processId: string): number {
    const known = this.#rows.get(processId);
    if (known !== undefined) return known;
    const row = this.#rows.size;
    if (row === this.#capacity) this.#grow();
    this.#rows.set(processId, row);
    return row;
  }

  #grow(): void {
    const capacity = Math.max(64, this.#capacity * 2);
    const grown = <A extends Uint32Array | Float64Array | Buffer>(into: A, from: A): A => {
      into.set(from);
      return into;
    };
    this.#seq = grown(new Uint32Array(capacity), this.#seq);
    this.#segment = grown(new Uint32Array(capacity), this.#segment);
    this.#offset = grown(new Float64Array(capacity), this.#offset);
    this.#hash = grown(Buffer.alloc(capacity * 32), this.#hash);
    this.#checkpointSeq = grown(new Uint32Array(capacity), this.#checkpointSeq);
    this.#checkpointFile = grown(new Uint32Array(capacity), this.#checkpointFile);
    this.#checkpointOffset = grown(new Float64Array(capacity), this.#checkpointOffset);
    this.#checkpointLength = grown(new Uint32Array(capacity), this.#checkpointLength);
    this.#capacity = capacity;
  }
}
