import { InvalidInputError } from '@cortex-runtime/core';

import type { ReadGroupOptions, SubscribeOptions } from './message-bus.ts';
import { assertGroupName } from './stream-name.ts';

/** @throws InvalidInputError naming the option */
export function completeSubscribeOptions({ group, maxInFlight = 1, order = 'fair', takesExhausted = false }: SubscribeOptions, defaultGroup: string): Required<SubscribeOptions> {
  const name = group ?? defaultGroup;
  assertGroupName('group', name);
  assertCount('maxInFlight', maxInFlight);
  if (order !== 'fair' && order !== 'priority') throw new InvalidInputError('order', `must be fair or priority, got ${JSON.stringify(order)}`);
  return { group: name, maxInFlight, order, takesExhausted };
}

/** @throws InvalidInputError naming the option */
export function completeReadOptions({ group, consumer, count = 10, blockMs = 0 }: ReadGroupOptions, defaultGroup: string): Required<ReadGroupOptions> {
  const name = group ?? defaultGroup;
  assertGroupName('group', name);
  assertGroupName('consumer', consumer);
  assertCount('count', count);
  if (!(blockMs >= 0 && Number.isFinite(blockMs))) throw new InvalidInputError('blockMs', `must be a number of milliseconds, got ${String(blockMs)}`);
  return { group: name, consumer, count, blockMs };
}

function assertCount(field: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new InvalidInputError(field, `must be a whole number of at least 1, got ${String(value)}`);
}
