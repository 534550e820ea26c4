import { markText, quoteName } from '@cortex-runtime/core';

import type { SessionMessage } from '../session.ts';

/** Who wrote a message: an agent or a person, by what the transcript recorded and not by what the text says. */
export function describeSender(message: Pick<SessionMessage, 'sender' | 'senderId' | 'isBot'>): string {
  const name = quoteName(message.sender === '' ? message.senderId : message.sender);
  const id = message.sender === '' || message.sender === message.senderId ? '' : ` (id ${quoteName(message.senderId)})`;
  return `${message.isBot ? 'agent' : 'person'} ${name}${id}`;
}

/** A message as a prompt shows it: a heading of ours, then the marked text. */
export function markMessage(message: SessionMessage, note = ''): string {
  return `[message ${message.seq}${note}, from ${describeSender(message)}, ${new Date(message.sentAt).toISOString()}]\n${markText(message.text)}`;
}
