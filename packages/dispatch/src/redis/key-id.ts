import { hash } from 'node:crypto';

/** What goes into a key as it is: short, and without anything that keys, logs or tools trip over. */
const plain = /^[A-Za-z0-9][A-Za-z0-9:._@$!/+=-]{0,199}$/;
const digested = 'sha256:';

/** The id of a message or a thread as part of a key: itself where it can be, so that other libraries find it, else its digest. No two ids give the same. */
export function keyId(id: string): string {
  return plain.test(id) && !id.startsWith(digested) ? id : digested + hash('sha256', id, 'hex');
}
