import { InvalidInputError } from '@cortex-runtime/core';

import type { FollowUp, NewMessage, PublishOptions } from './message-bus.ts';
import { assertStreamName } from './stream-name.ts';

/** @param at - what the name of an option begins with. @throws InvalidInputError naming the option */
export function assertPublishOptions({ dedupId, msgType, maxLength, whileUnread }: PublishOptions, at = ''): void {
  if (dedupId !== undefined && (dedupId === '' || dedupId.length > 255)) {
    throw new InvalidInputError(`${at}dedupId`, `must be 1 to 255 characters, got ${JSON.stringify(dedupId).slice(0, 80)}`);
  }
  if (msgType !== undefined && (msgType.length > 255 || /\p{Cc}/u.test(msgType))) throw new InvalidInputError(`${at}msgType`, 'must be at most 255 characters without control characters');
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength >= 0)) throw new InvalidInputError(`${at}maxLength`, `must be a whole number of at least 0, got ${String(maxLength)}`);
  if (whileUnread !== undefined && whileUnread !== 'keep' && whileUnread !== 'trim') throw new InvalidInputError(`${at}whileUnread`, `must be keep or trim, got ${JSON.stringify(whileUnread)}`);
}

/** @throws InvalidInputError naming the message, by its place in the list, and what of it does not fit */
export function assertNewMessages(messages: readonly NewMessage[]): void {
  messages.forEach((message, index) => {
    const { payload } = message;
    if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) throw new InvalidInputError(`messages[${index}].payload`, `must be a text or bytes, got ${payload === null ? 'null' : typeof payload}`);
    assertPublishOptions(message, `messages[${index}].`);
  });
}

/** @throws InvalidInputError naming the option */
export function assertFollowUp(followUp: FollowUp | undefined): void {
  if (followUp === undefined) return;
  assertStreamName(followUp.stream);
  assertPublishOptions(followUp);
}
