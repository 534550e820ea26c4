import { hash } from 'node:crypto';

import { z } from 'zod';

import { messageToDocument, readMessage, readSession, sessionToDocument } from '../session-document.ts';
import type { Session, SessionMessage } from '../session.ts';

/** One commit: the fields of the session that changed, and the messages that were added. */
const Commit = z.looseObject({
  v: z.literal(1),
  revision: z.int().min(1),
  /** Tells a commit from another one onto the same revision. */
  token: z.string(),
  changes: z.record(z.string(), z.unknown()),
  messages: z.array(z.unknown()),
});

/** A session as far as its log was read. */
export interface FoldedLog {
  /** Bytes of whole lines that were read. */
  offset: number;
  document: Record<string, unknown>;
  session: Session | undefined;
  messages: SessionMessage[];
  messageById: Map<string, SessionMessage>;
}

export function emptyLog(): FoldedLog {
  return { offset: 0, document: {}, session: undefined, messages: [], messageById: new Map() };
}

/**
 * The bytes of a commit onto `log`. They begin with a line break as well as end with one: what a crash left half written before stands on a line of its own, which
 * its checksum gives away.
 */
export function formatCommit(log: FoldedLog, session: Session, added: readonly SessionMessage[], token: string): Uint8Array {
  const changes = Object.fromEntries(Object.entries(sessionToDocument(session)).filter(([key, value]) => JSON.stringify(log.document[key]) !== JSON.stringify(value)));
  const body = JSON.stringify({ v: 1, revision: session.revision, token, changes, messages: added.map(messageToDocument) });
  return Buffer.from(`\n${checksum(body)} ${body}\n`);
}

/**
 * Reads on. Of all commits onto one revision the first in the file counts, for every reader; lines that are no whole commit count for nothing.
 *
 * @param onCommit - told of each commit that counts
 */
export function foldLog(log: FoldedLog, bytes: Uint8Array, onCommit?: (revision: number, token: string) => void): void {
  const end = bytes.lastIndexOf(10);
  if (end === -1) return;
  for (const line of Buffer.from(bytes.subarray(0, end)).toString('utf8').split('\n')) {
    const space = line.indexOf(' ');
    const body = line.slice(space + 1);
    if (space === -1 || line.slice(0, space) !== checksum(body)) continue;
    const commit = Commit.parse(JSON.parse(body));
    if (commit.revision !== (log.session?.revision ?? 0) + 1) continue;
    log.document = { ...log.document, ...commit.changes };
    log.session = readSession(log.document);
    onCommit?.(commit.revision, commit.token);
    for (const raw of commit.messages) {
      const message = readMessage(raw);
      log.messages.push(message);
      log.messageById.set(message.messageId, message);
    }
  }
  log.offset += end + 1;
}

function checksum(body: string): string {
  return hash('sha256', body, 'hex').slice(0, 16);
}
