import { randomUUID } from 'node:crypto';

import { Keyspace } from '@cortex-runtime/bus';

/** An organisation of one test. */
export function freshKeyspace(): Keyspace {
  return new Keyspace(`test-${randomUUID()}`);
}
