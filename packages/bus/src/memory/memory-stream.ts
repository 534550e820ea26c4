import { createHash } from 'node:crypto';

import type { Timer } from '@cortex-runtime/core';

import type { HeldDelivery } from '../held-delivery.ts';
import type { HeldSubscription } from '../held-subscription.ts';
import type { DeadLetter } from '../message-bus.ts';
import { EntryLog } from './entry-log.ts';

export interface MemoryEntry {
  readonly msgId: string;
  readonly msgType: string;
  readonly payload: Uint8Array;
  /** The only group that it is for. */
  readonly group: string | undefined;
}

/** A delivered message that is not acknowledged. */
export interface Pending {
  readonly entry: MemoryEntry;
  readonly position: number;
  readonly errors: string[];
  count: number;
  /** The delivery of a subscription, the name of a consumer that reads by itself, or nobody while it waits for its next delivery. */
  holder: HeldDelivery | string | undefined;
  timer: Timer | undefined;
}

/** What one group has read of one stream. */
export class MemoryGroup {
  readonly name: string;
  readonly pending = new Map<string, Pending>();
  /** Due for another delivery. */
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

  /** Everything before this position is acknowledged. Messages become pending in order and keep their place, so the first is the lowest. */
  get floor(): number {
    const first = this.pending.values().next();
    return first.done === true ? this.cursor : Math.min(first.value.position, this.cursor);
  }
}

interface Remembered {
  readonly msgId: string;
  readonly msgType: string;
  readonly length: number;
  /** See `condense`. */
  readonly content: string | Buffer;
  readonly position: number;
  readonly expiresAt: number;
}

/** Up to this many bytes keeping a payload costs less than digesting it. */
const smallBytes = 256;

/** What tells a payload from another, kept small. A short text stays as it was given: a string costs the collector less than a buffer. */
export function condense(given: Uint8Array | string, bytes: Buffer): string | Buffer {
  if (bytes.length > smallBytes) return createHash('sha256').update(bytes).digest('base64');
  return typeof given === 'string' ? given : bytes;
}

/** Compares what {@link condense} gave for payloads of one length. */
export function isSameContent(a: string | Buffer, b: string | Buffer): boolean {
  return typeof a === typeof b && typeof a === 'string' ? a === b : Buffer.from(a as string).equals(Buffer.from(b as string));
}

/** One stream in memory. */
export class MemoryStream {
  readonly name: string;
  readonly log = new EntryLog<MemoryEntry>();
  readonly groups = new Map<string, MemoryGroup>();
  readonly deadLetters: DeadLetter[] = [];
  readonly #dedup = new Map<string, Remembered>();
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
    if (floor !== undefined) this.log.cutBefore(Math.min(floor, this.log.start + excess));
  }

  /** An id is remembered for its window, and as long as its message is not acknowledged by every group. */
  remembered(dedupId: string, now: number): Remembered | undefined {
    const known = this.#dedup.get(dedupId);
    if (known === undefined || now < known.expiresAt || known.position >= (this.floor ?? 0)) return known;
    this.#dedup.delete(dedupId);
    return undefined;
  }

  remember(dedupId: string, remembered: Remembered, now: number): void {
    this.#dedup.set(dedupId, remembered);
    if (this.#dedup.size % 256 !== 0) return;
    const floor = this.floor ?? 0;
    for (const [id, { expiresAt, position }] of this.#dedup) {
      if (expiresAt > now) return; // windows are equal: the rest is younger
      if (position < floor) this.#dedup.delete(id);
    }
  }
}
