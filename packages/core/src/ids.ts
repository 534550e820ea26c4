import { V7Generator } from 'uuidv7';

import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** Makes UUIDv7 ids: unique, and sortable by the time they were made, also within one millisecond. */
export type IdGenerator = () => string;

/** @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7 */
export function idGenerator(deps: { clock: Clock; random: Random }): IdGenerator {
  const generator = new V7Generator({ nextUint32: () => Math.trunc(deps.random.next() * 0x1_0000_0000) });
  return () => generator.generateOrResetCore(deps.clock.now(), 10_000).toString();
}

/** Lower-case hexadecimal of `length` random bytes; for nonces and tokens. */
export function randomHex(random: Random, length: number): string {
  return Buffer.from(random.bytes(length)).toString('hex');
}
