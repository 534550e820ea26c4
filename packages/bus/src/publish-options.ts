import { InvalidInputError } from '@cortex-runtime/core';

import type { PublishOptions } from './message-bus.ts';

/** @throws InvalidInputError naming the option */
export function assertPublishOptions({ dedupId, msgType, maxLength }: PublishOptions): void {
  if (dedupId !== undefined && (dedupId === '' || dedupId.length > 255)) {
    throw new InvalidInputError('dedupId', `must be 1 to 255 characters, got ${JSON.stringify(dedupId).slice(0, 80)}`);
  }
  if (msgType !== undefined && (msgType.length > 255 || /\p{Cc}/u.test(msgType))) throw new InvalidInputError('msgType', 'must be at most 255 characters without control characters');
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength >= 0)) throw new InvalidInputError('maxLength', `must be a whole number of at least 0, got ${String(maxLength)}`);
}
