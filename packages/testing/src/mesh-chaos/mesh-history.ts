import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { BusNotice } from '@cortex-runtime/bus';
import { silentLogger, type Logger } from '@cortex-runtime/core';

import { openCallLedger, readCallLedger } from '../call-ledger.ts';

/** What a process of the mesh says of itself, one line each. */
export type MeshRecord =
  /** About to hand a task in. */
  | { at: 'submitting'; taskId: string }
  /** `submit` has resolved. */
  | { at: 'accepted'; taskId: string; msgId: string }
  /** `cancel` has resolved; undefined when it was rejected. */
  | { at: 'cancelled'; taskId: string; isCancelled: boolean | undefined }
  /** The bus had lost the task, which was handed in again. */
  | { at: 'lost'; taskId: string; msgId: string }
  /** An outcome reached its submitter. */
  | ({ at: 'told' } & RecordedOutcome)
  /** What a bus noticed. */
  | ({ at: 'notice' } & BusNotice)
  /** What it logged as a warning or an error, for people who look for what happened. */
  | { at: 'logged'; message: string; error?: unknown; taskId?: unknown; msgId?: unknown }
  /** An agent has begun a task. */
  | { at: 'began'; taskId: string; attempt: number; key: string }
  /** The effect of a task, as the world outside would see it. */
  | { at: 'effect'; taskId: string };

/** A result as it stands on the results stream. */
export type RecordedOutcome = {
  taskId: string;
  msgId: string;
  status: 'success' | 'failure';
  errorCode: string | null;
  attempts: number | null;
  text: string | null;
};

/** One life of a process: from its start until it ended. */
export type MeshLife = `${'submitter' | 'worker'}-${number}.${number}`;

export interface MeshHistory {
  /** The time is added, for people who look for what happened. */
  append(record: MeshRecord): void;
}

/** Writes warnings and errors into a history. */
export function historyLogger(history: MeshHistory): Logger {
  const log: Logger['warn'] = (facts, message) => {
    const { error, taskId, msgId } = facts as { error?: unknown; taskId?: unknown; msgId?: unknown };
    history.append({ at: 'logged', message, error, taskId, msgId });
  };
  return { ...silentLogger, warn: log, error: log };
}

/** Appends to the history of one life. What was appended survives the end of the process. */
export function openMeshHistory(directory: string, life: MeshLife): MeshHistory {
  const ledger = openCallLedger(join(directory, `${life}.jsonl`), { isSynced: false });
  return { append: (record) => ledger.append({ ...record, ms: Date.now() }) };
}

/** The histories of all lives of the processes whose name begins so, by life. */
export function readMeshHistories(directory: string, beginning: string): Map<string, MeshRecord[]> {
  const files = readdirSync(directory).filter((file) => file.startsWith(beginning) && file.endsWith('.jsonl'));
  return new Map(files.sort().map((file) => [file.slice(0, -'.jsonl'.length), readCallLedger(join(directory, file)) as unknown as MeshRecord[]]));
}
