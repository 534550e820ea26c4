import { InvalidInputError } from '@cortex-runtime/core';

import type { FollowUp, PublishOptions } from './message-bus.ts';
import { assertStreamName } from './stream-name.ts';

/** @throws InvalidInputError naming the option */
export function assertPublishOptions({ dedupId, msgType, maxLength, whileUnread }: PublishOptions): void {
  if (dedupId !== undefined && (dedupId === '' || dedupId.length > 255)) {
    throw new InvalidInputError('dedupId', `must be 1 to 255 characters, got ${JSON.stringify(dedupId).slice(0, 80)}`);
  }
  if (msgType !== undefined && (msgType.length > 255 || /\p{Cc}/u.test(msgType))) throw new InvalidInputError('msgType', 'must be at most 255 characters without control characters');
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength >= 0)) throw new InvalidInputError('maxLength', `must be a whole number of at least 0, got ${String(maxLength)}`);
  if (whileUnread !== undefined && whileUnread !== 'keep' && whileUnread !== 'trim') throw new InvalidInputError('whileUnread', `must be keep or trim, got ${JSON.stringify(whileUnread)}`);
}

/** @throws InvalidInputError naming the option */
export function assertFollowUp(followUp: FollowUp | undefined): void {
  if (followUp === undefined) return;
  assertStreamName(followUp.stream);
  assertPublishOptions(followUp);
}
