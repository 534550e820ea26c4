/** The only source of chance below the edge, so that a test can replay it from a seed. */
export interface Random {
  /** Evenly drawn from [0, 1). */
  next(): number;
  /** `length` bytes fit for ids, tokens and nonces. */
  bytes(length: number): Uint8Array;
}
