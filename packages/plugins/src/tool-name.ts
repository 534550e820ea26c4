import { createHash } from 'node:crypto';

import { InvalidInputError } from '@cortex-runtime/core';

/** What every provider takes as the name of a tool. */
const pattern = /^[A-Za-z0-9_-]{1,64}$/;
const maxLength = 64;

/** @throws InvalidInputError when `name` is not letters, digits, `_` and `-`, at most 64 */
export function assertToolName(name: string): void {
  if (!pattern.test(name)) throw new InvalidInputError('name', `a tool is named with 1 to 64 letters, digits, "_" or "-", got ${JSON.stringify(name)}`);
}

/**
 * `<server>__<tool>`, fit for every provider: other characters become `_`, and a name that is too long, or is `taken`, ends in a digest of
 * what it was, so that it stays the same from start to start.
 */
export function serverToolName(server: string, tool: string, taken: (name: string) => boolean = () => false): string {
  const plain = `${server}__${tool}`.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  if (plain.length <= maxLength && !taken(plain)) return plain;
  const digest = createHash('sha256').update(`${server}\0${tool}`).digest('hex').slice(0, 8);
  return `${plain.slice(0, maxLength - digest.length - 1)}_${digest}`;
}
