import { CortexError, type JsonValue } from '@cortex-runtime/core';

import type { RunUpdate, ServedDeadLetter, ServedJournalEntry, ServedProcess, ServedRuntime } from '../src/index.ts';

class NotFoundError extends CortexError {
  readonly code = 'PROCESS_NOT_FOUND';
}

export class StateError extends CortexError {
  readonly code = 'PROCESS_STATE';
}

/** A process that keeps what it is told in lists: the HTTP layer is tested over it, the real one is tested in the host. */
export class ListedProcess implements ServedProcess {
  readonly name: string;
  readonly processId: string;
  state = 'running';
  readonly events: { payload: JsonValue; triggerType?: string; eventId?: string }[] = [];
  readonly resolved: unknown[] = [];
  entries: ServedJournalEntry[] = [];
  letters: ServedDeadLetter[] = [];
  startError: Error | undefined;
  readonly #listeners = new Set<(update: RunUpdate) => void>();

  constructor(name: string) {
    this.name = name;
    this.processId = name;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  start(): Promise<void> {
    if (this.startError !== undefined) return Promise.reject(this.startError);
    this.state = 'running';
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.state = 'stopped';
    return Promise.resolve();
  }

  suspend(): Promise<void> {
    if (this.state === 'stopped') return Promise.reject(new StateError(`process ${this.name} is stopped and can not become suspended`));
    this.state = 'suspended';
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.state = 'running';
    return Promise.resolve();
  }

  inject(event: { payload: JsonValue; triggerType?: string; eventId?: string }): Promise<{ eventId: string; outcome: 'accepted' | 'duplicate' }> {
    const eventId = event.eventId ?? `event-${this.events.length}`;
    if (this.events.some((known) => known.eventId === eventId)) return Promise.resolve({ eventId, outcome: 'duplicate' });
    this.events.push({ ...event, eventId });
    return Promise.resolve({ eventId, outcome: 'accepted' });
  }

  status(): object {
    return { name: this.name, process_id: this.processId, state: this.state, uptime_seconds: 1.5, running_runs: 0, waiting_effects: 0 };
  }

  deadLetters(): Promise<readonly ServedDeadLetter[]> {
    return Promise.resolve(this.letters);
  }

  redeliver(eventId?: string): Promise<readonly string[]> {
    const taken = this.letters.filter(({ event }) => eventId === undefined || event.eventId === eventId);
    this.letters = this.letters.filter((letter) => !taken.includes(letter));
    return Promise.resolve(taken.map(({ event }) => event.eventId));
  }

  clearDeadLetters(): Promise<number> {
    const { length } = this.letters;
    this.letters = [];
    return Promise.resolve(length);
  }

  waitingEffects(): Promise<readonly object[]> {
    return Promise.resolve([{ effect_id: 'run-1/2/0', run_id: 'run-1', event_id: 'e', tool: 'office__issue_refund', args: { order_id: 'A-1' }, since: '2026-01-01T00:00:00.000Z', reason: 'the host ended while it ran' }]);
  }

  resolveEffect(...given: unknown[]): Promise<void> {
    this.resolved.push(given);
    return Promise.resolve();
  }

  readJournal(query: { limit?: number; entryType?: string | readonly string[]; sinceSeq?: number; direction?: 'forward' | 'backward' } = {}): Promise<readonly ServedJournalEntry[]> {
    const types = query.entryType === undefined ? undefined : [query.entryType].flat();
    const fitting = this.entries.filter((entry) => entry.seq > (query.sinceSeq ?? 0) && (types === undefined || types.includes(entry.entryType)));
    const limit = query.limit ?? fitting.length;
    return Promise.resolve(query.direction === 'forward' ? fitting.slice(0, limit) : fitting.slice(-limit));
  }

  subscribe(listener: (update: RunUpdate) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  say(text: string): void {
    for (const listener of this.#listeners) listener({ processName: this.name, runId: 'run-1', eventId: 'e', chunk: { kind: 'output', data: text } });
  }
}

/** A runtime of such processes. */
export class ListedRuntime implements ServedRuntime {
  readonly processes = new Map<string, ListedProcess>();

  constructor(...names: string[]) {
    for (const name of names) this.processes.set(name, new ListedProcess(name));
  }

  getProcess(name: string): ListedProcess {
    const found = this.processes.get(name);
    if (found === undefined) throw new NotFoundError(`there is no process ${JSON.stringify(name)}`);
    return found;
  }

  listProcesses() {
    return [...this.processes.values()].map(({ name, state, processId }) => ({ name, state, processId }));
  }

  status() {
    return { processCount: this.processes.size, processes: Object.fromEntries([...this.processes].map(([name, process]) => [name, process.status()])) };
  }

  async startAll() {
    const started: string[] = [];
    const failed: { name: string; error: unknown }[] = [];
    for (const process of this.processes.values()) {
      await process.start().then(() => started.push(process.name), (error: unknown) => failed.push({ name: process.name, error }));
    }
    return { started, failed, skipped: [] };
  }

  startProcess(name: string) {
    return this.getProcess(name).start();
  }

  stopProcess(name: string) {
    return this.getProcess(name).stop();
  }

  async restartProcess(name: string) {
    await this.getProcess(name).stop();
    await this.getProcess(name).start();
  }
}
