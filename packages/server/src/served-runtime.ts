import type { JsonValue, StreamChunk } from '@cortex-runtime/core';
import type { TriggerEvent } from '@cortex-runtime/triggers';

/** A piece of a run while it happens. */
export interface RunUpdate {
  processName: string;
  runId: string;
  eventId: string;
  chunk: StreamChunk;
}

/** What the HTTP API needs of an agent process; `AgentProcess` is one. Documents are snake_case already. */
export interface ServedProcess {
  readonly name: string;
  readonly processId: string;
  readonly state: string;
  start(options?: { by?: 'operator' | 'host' }): Promise<void>;
  stop(options?: { by?: 'operator' | 'host'; reason?: string }): Promise<void>;
  suspend(reason?: string): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when the event is durable. */
  inject(event: { payload: JsonValue; triggerType?: string; eventId?: string }): Promise<{ eventId: string; outcome: 'accepted' | 'duplicate' }>;
  status(): object;
  deadLetters(): Promise<readonly ServedDeadLetter[]>;
  redeliver(eventId?: string): Promise<readonly string[]>;
  clearDeadLetters(): Promise<number>;
  waitingEffects(): Promise<readonly object[]>;
  resolveEffect(effectId: string, resolution: 'happened' | 'not-happened' | 'retry', options?: { result?: JsonValue; by?: string }): Promise<void>;
  readJournal(query?: { limit?: number; entryType?: string | readonly string[]; sinceSeq?: number; direction?: 'forward' | 'backward' }): Promise<readonly ServedJournalEntry[]>;
  subscribe(listener: (update: RunUpdate) => void): () => void;
}

/** An event that was given up. */
export interface ServedDeadLetter {
  event: TriggerEvent;
  reason: string;
  error: string | undefined;
  attempts: number;
  /** Milliseconds since the Unix epoch. */
  deadLetteredAt: number;
}

export interface ServedJournalEntry {
  seq: number;
  id: string;
  processId: string;
  timestamp: string;
  entryType: string;
  runId?: string;
  cause?: readonly string[];
  data: object;
  hash: string;
}

/** What the HTTP API needs of the runtime; `AgentRuntime` is one. */
export interface ServedRuntime {
  /** @throws an error with code PROCESS_NOT_FOUND */
  getProcess(name: string): ServedProcess;
  listProcesses(): readonly { name: string; state: string; processId: string }[];
  status(): { processCount: number; processes: Record<string, object> };
  startAll(): Promise<{ started: readonly string[]; failed: readonly { name: string; error: unknown }[]; skipped: readonly { name: string; reason: string }[] }>;
  startProcess(name: string): Promise<void>;
  stopProcess(name: string): Promise<void>;
  restartProcess(name: string): Promise<void>;
  /** The triggers of a process as configured, secrets as their references. */
  triggersOf?(name: string): Promise<readonly { id: string; type: string; source: string; config: object }[]>;
}
