import type { SessionMessage } from '../session.ts';

/** Everything that some reader takes for the end of a line. */
const lineBreaks = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/;

/** Text of somebody, each of its lines behind a mark, so that none can pass for a heading of ours. */
export function markText(text: string): string {
  return text.split(lineBreaks).map((line) => `| ${line}`).join('\n');
}

/** A name from outside on one line, quoted: what it holds can not end the quotes. */
export function quoteName(name: string): string {
  const plain = name.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return JSON.stringify(plain.length > 80 ? `${plain.slice(0, 79).replace(/[\ud800-\udbff]$/, '')}\u2026` : plain);
}

/** Who wrote a message: an agent or a person, by what the transcript recorded and not by what the text says. */
function describeSender(message: Pick<SessionMessage, 'sender' | 'senderId' | 'isBot'>): string {
  const name = quoteName(message.sender === '' ? message.senderId : message.sender);
  const id = message.sender === '' || message.sender === message.senderId ? '' : ` (id ${quoteName(message.senderId)})`;
  return `${message.isBot ? 'agent' : 'person'} ${name}${id}`;
}

/** A message as a prompt shows it: a heading of ours, then the marked text. */
export function markMessage(message: SessionMessage, note = ''): string {
  return `[message ${message.seq}${note}, from ${describeSender(message)}, ${new Date(message.sentAt).toISOString()}]\n${markText(message.text)}`;
}
