import { assertJsonValue, InvalidInputError, RuntimeBaseError, type JsonValue } from '@cortex-runtime/core';
import type { AddMemoryOptions, MemoryProvider, MemoryResult } from '@cortex-runtime/memory';

import type { ContextState, StateRecord } from './context-projection.ts';

/** An agent, or a caller, tried to write a key that is not among the writable ones. */
export class WriteDeniedError extends RuntimeBaseError {
  override readonly code = 'WRITE_DENIED';
  readonly key: string;

  constructor(key: string, writable: readonly string[]) {
    super(`the state key ${JSON.stringify(key)} is not writable; writable are ${writable.join(', ')}`);
    this.key = key;
  }
}

/** One write of a state key. */
export interface StateEntry {
  key: string;
  value: JsonValue;
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
  /** Who wrote: `agent`, `operator`, `manifest` … */
  source: string;
}

/** Where the context reads its state and records its writes. */
export interface ContextStore {
  read(): ContextState;
  /** Records one write and folds it in before it returns; resolves when it is durable. */
  record(write: { key: string; value: JsonValue; source: string; deleted?: true }): Promise<void>;
  clear(): Promise<void>;
}

export interface AgentContextOptions {
  /** Keys that may be written; empty is all. */
  writableKeys?: readonly string[];
  memoryProvider?: MemoryProvider;
  /** Logical name to path. */
  fileMounts?: Readonly<Record<string, string>>;
  /** Only variables with this prefix are visible; the prefix stays. Default `AGENT_`. */
  envPrefix?: string;
  environment?: Readonly<Record<string, string | undefined>>;
}

/** What an agent knows: state with an audit trail, long-term memory, filtered environment, mounted files. */
export class AgentContext {
  readonly #store: ContextStore;
  readonly #options: AgentContextOptions;

  constructor(store: ContextStore, options: AgentContextOptions = {}) {
    this.#store = store;
    this.#options = options;
  }

  get<T extends JsonValue = JsonValue>(key: string, fallback?: T): T | undefined {
    const { values } = this.#store.read();
    return Object.hasOwn(values, key) ? (values[key] as T) : fallback;
  }

  /**
   * Writes a value; every later read sees it. Resolves when the write is durable.
   *
   * @throws WriteDeniedError when writable keys are configured and this is none
   * @throws InvalidInputError when the value is not plain JSON
   */
  async put(key: string, value: JsonValue, options: { source?: string } = {}): Promise<void> {
    this.assertWritable(key);
    assertJsonValue(value, `state.${key}`);
    await this.#store.record({ key, value, source: options.source ?? 'agent' });
  }

  /** Removes a key; true when it was there. */
  async remove(key: string, options: { source?: string } = {}): Promise<boolean> {
    this.assertWritable(key);
    if (!Object.hasOwn(this.#store.read().values, key)) return false;
    await this.#store.record({ key, value: null, source: options.source ?? 'agent', deleted: true });
    return true;
  }

  /** @throws WriteDeniedError, InvalidInputError */
  assertWritable(key: string): void {
    if (key.length === 0 || key.length > 200) throw new InvalidInputError('key', `must have 1 to 200 characters, got ${key.length}`);
    const writable = this.#options.writableKeys ?? [];
    if (writable.length > 0 && !writable.includes(key)) throw new WriteDeniedError(key, writable);
  }

  /** The newest writes of a key, oldest first. */
  stateHistory(key: string): StateEntry[] {
    const { history } = this.#store.read();
    const records: StateRecord[] = Object.hasOwn(history, key) ? (history[key] ?? []) : [];
    return records.map(({ value, timestamp, source }) => ({ key, value, timestamp: Date.parse(timestamp), source }));
  }

  stateKeys(): string[] {
    return Object.keys(this.#store.read().values);
  }

  /** A copy of the state. */
  stateSnapshot(): Record<string, JsonValue> {
    return structuredClone(this.#store.read().values);
  }

  /** Removes all state and its history from memory; the journal keeps what was. */
  async clearState(): Promise<void> {
    await this.#store.clear();
  }

  /** Environment variables whose name begins with the prefix. */
  get env(): Record<string, string> {
    const prefix = this.#options.envPrefix ?? 'AGENT_';
    const visible: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#options.environment ?? {})) if (name.startsWith(prefix) && value !== undefined) visible[name] = value;
    return visible;
  }

  get files(): Readonly<Record<string, string>> {
    return this.#options.fileMounts ?? {};
  }

  get writableKeys(): readonly string[] {
    return this.#options.writableKeys ?? [];
  }

  get memory(): MemoryProvider | undefined {
    return this.#options.memoryProvider;
  }

  /** @returns the memory's id, or undefined without a memory provider */
  async addMemory(content: string, options: AddMemoryOptions = {}): Promise<string | undefined> {
    return this.#options.memoryProvider?.add(content, options);
  }

  /** Relevant memories, most relevant first; none without a memory provider. */
  async searchMemory(query: string, options: { limit?: number; minScore?: number } = {}): Promise<MemoryResult[]> {
    return (await this.#options.memoryProvider?.search(query, { limit: options.limit ?? 5, minScore: options.minScore ?? 0 })) ?? [];
  }

  /** @returns whether it was there */
  async deleteMemory(memoryId: string): Promise<boolean> {
    return (await this.#options.memoryProvider?.delete(memoryId)) ?? false;
  }

  /** The state and its audit trail. Memory, environment and files are attached anew when it is read back. */
  toDict(): ContextState {
    return structuredClone(this.#store.read());
  }

  /** A context that lives in memory only, from {@link toDict}. */
  static fromDict(data: ContextState, now: () => string, options: AgentContextOptions = {}): AgentContext {
    return new AgentContext(memoryContextStore(structuredClone(data), now), options);
  }
}

function memoryContextStore(initial: ContextState, now: () => string): ContextStore {
  let state = initial;
  return {
    read: () => state,
    async record({ key, value, source, deleted }) {
      if (deleted) delete state.values[key];
      else Object.defineProperty(state.values, key, { value, enumerable: true, configurable: true, writable: true });
      const records = Object.hasOwn(state.history, key) ? (state.history[key] ?? []) : [];
      records.push({ value, timestamp: now(), source, ...(deleted ? { deleted } : {}) });
      Object.defineProperty(state.history, key, { value: records, enumerable: true, configurable: true, writable: true });
    },
    async clear() {
      state = { values: {}, history: {} };
    },
  };
}
