import { hash as hashOnce } from 'node:crypto';

import type { JsonObject } from '@cortex-runtime/core';

import type { JournalEntry } from '../journal-entry.ts';
import { upcastRecord } from './upcast-record.ts';

/** Version of the records that this package writes. */
export const recordVersion = 1;

/** Hash before the first entry of a process. */
export const zeroHash = '0'.repeat(64);

/** Where a line begins: number of the segment, bytes from its start. */
export interface Location {
  segment: number;
  offset: number;
}

/** What a line says besides its entry. */
export interface LineLinks {
  /** The same process's previous entry. */
  prev?: Location;
  /** Number of the group commit that the line opens: everything before it was on stable storage when it was written. */
  batch?: number;
  /** The next line of the file belongs to the same write; both count or neither. */
  more: boolean;
}

export interface Line extends LineLinks {
  entry: JournalEntry;
}

/** `,"hash":"` + 64 digits + `"}` */
const tailLength = 75;

function chainHash(previousHash: string, body: string): string {
  return hashOnce('sha256', previousHash + body, 'hex');
}

/**
 * The line of an entry, without its line end, and its hash.
 *
 * The hash comes last and has a fixed length, so that whoever verifies hashes the bytes that are there and never writes the JSON again.
 */
export function encodeLine(entry: Omit<JournalEntry, 'hash'>, prev: Location | undefined, batch: number | undefined, more: boolean, previousHash: string): { line: string; hash: string } {
  let body = `{"v":${recordVersion},"seq":${entry.seq},"id":${JSON.stringify(entry.id)},"process_id":${JSON.stringify(entry.processId)}` +
    `,"timestamp":"${entry.timestamp}","entry_type":${JSON.stringify(entry.entryType)}`;
  if (entry.runId !== undefined) body += `,"run_id":${JSON.stringify(entry.runId)}`;
  if (entry.cause !== undefined) body += `,"cause":${JSON.stringify(entry.cause)}`;
  body += `,"data":${JSON.stringify(entry.data)}`;
  if (prev !== undefined) body += `,"prev":"${prev.segment}:${prev.offset}"`;
  if (batch !== undefined) body += `,"batch":${batch}`;
  if (more) body += ',"more":true';
  const hash = chainHash(previousHash, body);
  return { line: `${body},"hash":"${hash}"}`, hash };
}

/** The hash that a line carries, undefined when the line does not end as an entry does. Only what it is compared with makes it one. */
export function lineHash(text: string): string | undefined {
  const from = text.length - tailLength;
  return from > 0 && text.startsWith(',"hash":"', from) && text.endsWith('"}') ? text.slice(from + 9, -2) : undefined;
}

/** Is `text` the line that follows `previousHash` in its chain? */
export function isLinked(text: string, previousHash: string, hash: string): boolean {
  return chainHash(previousHash, text.slice(0, -tailLength)) === hash;
}

/** The text that names a process inside a line; a cheap test before a line is parsed. */
export function processNeedle(processId: string): string {
  return `"process_id":${JSON.stringify(processId)}`;
}

/** Number of the group commit that a line opens, undefined when it opens none. Cheaper than parsing it. */
export function lineBatch(text: string): number | undefined {
  const found = /,"batch":(\d+)(?:,"more":true)?$/.exec(text.slice(-tailLength - 40, -tailLength))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Does the line after this one belong to the same write? Cheaper than parsing it. */
export function isContinued(text: string): boolean {
  return text.endsWith(',"more":true', text.length - tailLength);
}

interface Record1 {
  v: number;
  seq: number;
  id: string;
  process_id: string;
  timestamp: string;
  entry_type: string;
  run_id?: string;
  cause?: string[];
  data: JsonObject;
  prev?: string;
  batch?: number;
  more?: boolean;
  hash: string;
}

/**
 * What a line says. It is not verified: see {@link isLinked}.
 *
 * @returns undefined when the text is not a record
 */
export function decodeLine(text: string): Line | undefined {
  const raw = parseRecord(text);
  if (raw === undefined) return undefined;
  const line: Line = { entry: toEntry(raw), more: raw.more === true };
  if (raw.prev !== undefined) line.prev = parseLocation(raw.prev);
  if (raw.batch !== undefined) line.batch = raw.batch;
  return line;
}

/** As {@link decodeLine}, the entry alone. */
export function decodeEntry(text: string): JournalEntry | undefined {
  const raw = parseRecord(text);
  return raw === undefined ? undefined : toEntry(raw);
}

function parseRecord(text: string): Record1 | undefined {
  if (!text.startsWith('{"v":') || !text.endsWith('"}')) return undefined;
  let raw: Record1;
  try {
    raw = JSON.parse(text) as Record1;
  } catch {
    return undefined;
  }
  if (raw.v !== recordVersion) {
    if (!(raw.v >= 1 && raw.v < recordVersion)) return undefined; // the header of a segment says which versions it holds, so this is damage
    raw = upcastRecord(raw as unknown as { v: number }) as unknown as Record1;
  }
  if (typeof raw.seq !== 'number' || typeof raw.process_id !== 'string' || typeof raw.hash !== 'string' || typeof raw.data !== 'object') return undefined;
  return raw;
}

function toEntry(raw: Record1): JournalEntry {
  const entry: JournalEntry = {
    seq: raw.seq,
    id: raw.id,
    processId: raw.process_id,
    timestamp: raw.timestamp,
    entryType: raw.entry_type,
    data: raw.data,
    hash: raw.hash,
  };
  if (raw.run_id !== undefined) entry.runId = raw.run_id;
  if (raw.cause !== undefined) entry.cause = raw.cause;
  return entry;
}

/** From `<segment>:<offset>`. */
function parseLocation(text: string): Location {
  const colon = text.indexOf(':');
  return { segment: Number(text.slice(0, colon)), offset: Number(text.slice(colon + 1)) };
}
