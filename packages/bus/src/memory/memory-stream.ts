import { createHash } from 'node:crypto';

import type { Timer } from '@cortex-runtime/core';

import type { HeldDelivery } from '../held-delivery.ts';
import type { HeldSubscription } from '../held-subscription.ts';
import type { DeadLetter } from '../message-bus.ts';
import { isLess } from '../entry-id.ts';
import { EntryLog } from './entry-log.ts';

/** A message as it was published, in the stream and, under its deduplication id, for a while after it has left the stream. */
export interface MemoryEntry {
  readonly msgId: string;
  readonly msgType: string;
  /** The text as it was given, which costs the collector less than a buffer, or a copy of the bytes; a digest once `isDigest`. */
  content: string | Buffer;
  isDigest: boolean;
  readonly position: number;
  /** The only group that it is for. */
  readonly group: string | undefined;
  /** Milliseconds since the epoch: how long its deduplication id is remembered at least; 0 when it has none. */
  readonly expiresAt: number;
  /** What was published when it was settled. */
  followUpId: string | undefined;
}

/** A delivered message that is not acknowledged. */
export interface Pending {
  readonly entry: MemoryEntry;
  errors: readonly string[];
  count: number;
  /** The delivery of a subscription, the name of a consumer that reads by itself, or nobody while it waits for its next delivery. */
  holder: HeldDelivery | string | undefined;
  timer: Timer | undefined;
}

/** What one group has read of one stream. */
export class MemoryGroup {
  readonly name: string;
  readonly pending = new Map<string, Pending>();
  /** Due for another delivery, in the order of the stream. */
  readonly returned: Pending[] = [];
  readonly subscriptions: HeldSubscription[] = [];
  readonly waiters = new Set<() => void>();
  /** Position of the next entry to deliver. */
  cursor: number;
  isPumping = false;

  constructor(name: string, cursor: number) {
    this.name = name;
    this.cursor = cursor;
  }

  /** It is due for another delivery: before those that came after it, whichever was given back first. */
  giveBack(pending: Pending): void {
    const { position } = pending.entry;
    let at = this.returned.length;
    while (at > 0 && (this.returned[at - 1] as Pending).entry.position > position) at -= 1;
    this.returned.splice(at, 0, pending);
  }

  /** Everything before this position is acknowledged. Messages become pending in order and keep their place, so the first is the lowest. */
  get floor(): number {
    const first = this.pending.values().next();
    return first.done === true ? this.cursor : Math.min(first.value.entry.position, this.cursor);
  }
}

/** Up to this many bytes keeping a payload costs less than digesting it. */
const smallBytes = 256;
const noErrors: readonly string[] = [];

export function newPending(entry: MemoryEntry): Pending {
  return { entry, errors: noErrors, count: 1, holder: undefined, timer: undefined };
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64');
}

/** The bytes of a message that is kept. */
export function payloadOf({ content }: MemoryEntry): Uint8Array {
  return bytesOf(content);
}

export function hasPayload(entry: MemoryEntry, given: Uint8Array | string): boolean {
  if (entry.isDigest) return entry.content === digestOf(given);
  if (typeof entry.content === 'string' && typeof given === 'string') return entry.content === given;
  return Buffer.compare(bytesOf(entry.content), bytesOf(given)) === 0;
}

/** One stream in memory. */
export class MemoryStream {
  readonly name: string;
  readonly log = new EntryLog<MemoryEntry>();
  readonly groups = new Map<string, MemoryGroup>();
  readonly deadLetters: DeadLetter[] = [];
  readonly #dedup = new Map<string, MemoryEntry>();
  #lastMs = 0;
  #lastSeq = 0;

  constructor(name: string) {
    this.name = name;
  }

  nextId(now: number): string {
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#lastSeq = 0;
    } else this.#lastSeq += 1;
    return `${this.#lastMs}-${this.#lastSeq}`;
  }

  /** The group of this name; a new one begins at the beginning of the stream unless told otherwise. */
  group(name: string, cursor = this.log.start): MemoryGroup {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new MemoryGroup(name, cursor);
      this.groups.set(name, group);
    }
    return group;
  }

  /** Where the message is, if it is kept. Ids rise with positions. */
  positionOf(msgId: string): number | undefined {
    for (let position = this.log.end - 1; position >= this.log.start; position -= 1) {
      const entry = this.log.at(position);
      if (entry?.msgId === msgId) return position;
      if (entry !== undefined && isLess(entry.msgId, msgId)) return undefined;
    }
    return undefined;
  }

  find(msgId: string): MemoryEntry | undefined {
    const position = this.positionOf(msgId);
    return position === undefined ? undefined : this.log.at(position);
  }

  *entriesAfter(msgId: string): Generator<MemoryEntry> {
    for (let position = this.log.start; position < this.log.end; position += 1) {
      const entry = this.log.at(position);
      if (entry !== undefined && isLess(msgId, entry.msgId)) yield entry;
    }
  }

  get floor(): number | undefined {
    let floor: number | undefined;
    for (const group of this.groups.values()) floor = Math.min(floor ?? Infinity, group.floor);
    return floor;
  }

  /** Messages that some group has not acknowledged; all of them while there is no group. */
  get backlog(): number {
    if (this.groups.size === 0) return this.log.length;
    let backlog = 0;
    for (const { cursor, pending } of this.groups.values()) backlog = Math.max(backlog, this.log.end - cursor + pending.size);
    return backlog;
  }

  /** Drops acknowledged entries beyond `maxLength`, never others. */
  trim(maxLength: number): void {
    const excess = this.log.length - maxLength;
    if (excess < 100) return;
    const { floor } = this;
    if (floor !== undefined) this.#cutBefore(Math.min(floor, this.log.start + excess));
  }

  /** Keeps the newest `maxLength` entries, for a stream that nobody reads. */
  cut(maxLength: number): void {
    if (this.log.length - maxLength >= 100) this.#cutBefore(this.log.end - maxLength);
  }

  /** An id is remembered for its window, and as long as its message is not acknowledged by every group. */
  remembered(dedupId: string, now: number): MemoryEntry | undefined {
    const known = this.#dedup.get(dedupId);
    if (known === undefined || now < known.expiresAt || known.position >= (this.floor ?? 0)) return known;
    this.#dedup.delete(dedupId);
    return undefined;
  }


  remember(dedupId: string, entry: MemoryEntry, now: number): void {
    this.#dedup.set(dedupId, entry);
    if (this.#dedup.size % 256 !== 0) return;
    const floor = this.floor ?? 0;
    for (const [id, { expiresAt, position }] of this.#dedup) {
      if (expiresAt > now) return; // windows are equal: the rest is younger
      if (position < floor) this.#dedup.delete(id);
    }
  }

  forget(dedupId: string): void {
    this.#dedup.delete(dedupId);
  }

  /** What stays of an entry that leaves the stream is only there to know its payload again. */
  #cutBefore(position: number): void {
    this.log.cutBefore(position, (entry) => {
      if (entry.expiresAt === 0 || entry.content.length <= smallBytes) return;
      entry.content = digestOf(entry.content);
      entry.isDigest = true;
    });
  }
}
