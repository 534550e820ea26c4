import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import type { JournalEntry } from './journal-entry.ts';
import type { Journal } from './journal.ts';
import type { Projections, ProjectionStates } from './projection.ts';

/** A state, and the entry up to which it is folded. */
export interface FoldedStates<P extends Projections> {
  states: ProjectionStates<P>;
  /** 0 and 64 zeros before the first entry. */
  seq: number;
  hash: string;
}

export function initialStates<P extends Projections>(projections: P): ProjectionStates<P> {
  return Object.fromEntries(Object.entries(projections).map(([key, projection]) => [key, projection.initial()])) as ProjectionStates<P>;
}

/**
 * Folds one entry into every part. This is the only way in which a state changes: while it lives, when it is recovered, and in time travel.
 *
 * A `rewind` entry carries the states that hold again from there on; parts that it does not name go on as they were.
 */
export function foldEntry<P extends Projections>(projections: P, states: ProjectionStates<P>, entry: JournalEntry): void {
  const restored = entry.entryType === 'rewind' ? (entry.data['state'] as JsonObject | undefined) : undefined;
  const parts: Record<string, unknown> = states;
  for (const key in projections) {
    const projection = projections[key] as Projections[string];
    const before = restored !== undefined && Object.hasOwn(restored, key) ? structuredClone(restored[key]) : parts[key];
    parts[key] = projection.apply(before, entry);
  }
}

/** What a checkpoint of a set of projections holds. */
export function checkpointState<P extends Projections>(projections: P, states: ProjectionStates<P>): JsonObject {
  const parts: Record<string, JsonValue> = {};
  for (const [key, { version = 1 }] of Object.entries(projections)) parts[key] = { version, state: states[key] as JsonValue };
  return { v: 1, parts };
}

/** Undefined when the checkpoint lacks a part, or holds one of another version: then the log has to be folded. */
export function statesFromCheckpoint<P extends Projections>(projections: P, state: JsonValue): ProjectionStates<P> | undefined {
  const { v, parts } = (state ?? {}) as { v?: unknown; parts?: Record<string, { version: number; state: JsonValue } | undefined> };
  if (v !== 1 || typeof parts !== 'object') return undefined;
  const states: Record<string, unknown> = {};
  for (const [key, { version = 1 }] of Object.entries(projections)) {
    const part = Object.hasOwn(parts, key) ? parts[key] : undefined;
    if (part?.version !== version) return undefined;
    states[key] = part.state;
  }
  return states as ProjectionStates<P>;
}

export interface Recovered<P extends Projections> extends FoldedStates<P> {
  /** The checkpoint that saved folding what is before it; 0 when there was none to use. */
  checkpointSeq: number;
  entriesReplayed: number;
  lastEntryType: string | null;
}

/** The state at the end of a log, or at `untilSeq`: the newest checkpoint that fits, and what comes after it. */
export async function recoverStates<P extends Projections>(journal: Journal, processId: string, projections: P, untilSeq?: number): Promise<Recovered<P>> {
  const checkpoint = await journal.lastCheckpoint(processId, untilSeq);
  const restored = checkpoint === undefined ? undefined : statesFromCheckpoint(projections, checkpoint.state);
  const from = restored === undefined ? undefined : checkpoint;
  const recovered: Recovered<P> = {
    states: restored ?? initialStates(projections),
    seq: from?.seq ?? 0,
    hash: from?.hash ?? '0'.repeat(64),
    checkpointSeq: from?.seq ?? 0,
    entriesReplayed: 0,
    lastEntryType: null,
  };
  for await (const entry of journal.scan(processId, { sinceSeq: recovered.seq, ...(untilSeq === undefined ? {} : { untilSeq }) })) {
    foldEntry(projections, recovered.states, entry);
    recovered.seq = entry.seq;
    recovered.hash = entry.hash;
    recovered.entriesReplayed += 1;
    recovered.lastEntryType = entry.entryType;
  }
  if (recovered.lastEntryType === null && recovered.seq > 0) {
    recovered.lastEntryType = (await journal.read(processId, { sinceSeq: recovered.seq - 1, untilSeq: recovered.seq }))[0]?.entryType ?? null;
  }
  return recovered;
}
