import { createHash } from 'node:crypto';

/** Up to this many bytes keeping the payload itself costs less than digesting it. */
const smallBytes = 256;

/** What a message said, kept small, to tell whether another one says the same. */
export class Content {
  readonly #msgType: string;
  readonly #length: number;
  readonly #bytes: Buffer;

  constructor(msgType: string, payload: Buffer) {
    this.#msgType = msgType;
    this.#length = payload.length;
    this.#bytes = condense(payload);
  }

  isOf(msgType: string, payload: Buffer): boolean {
    return msgType === this.#msgType && payload.length === this.#length && condense(payload).equals(this.#bytes);
  }
}

function condense(payload: Buffer): Buffer {
  return payload.length <= smallBytes ? payload : createHash('sha256').update(payload).digest();
}
