import type { JsonObject } from '@cortex-runtime/core';

/** One record of an agent's life. */
export interface JournalEntry {
  /** 1 for the first entry of a process, without gaps. */
  seq: number;
  /** UUIDv7. */
  id: string;
  processId: string;
  /** ISO 8601, UTC, with milliseconds. */
  timestamp: string;
  /** What kind of entry: `trigger_event`, `tool_call`, `state_transition` … */
  entryType: string;
  /** The run it belongs to. */
  runId?: string;
  /** The run and event ids that led to it, oldest first. */
  cause?: readonly string[];
  /** snake_case. */
  data: JsonObject;
  /** SHA-256, in hexadecimal, over the previous entry's hash and this entry's bytes. */
  hash: string;
}

/** What a caller gives; the journal adds the rest. */
export interface NewJournalEntry {
  processId: string;
  entryType: string;
  data: JsonObject;
  runId?: string;
  cause?: readonly string[];
}
