import type { JsonObject } from '@cortex-runtime/core';
import type { MessageClaim, ResponseTracker } from '@cortex-runtime/dispatch';
import { ProcessLog, type Journal, type OwnJournalEntry, type Projection } from '@cortex-runtime/journal';

import { tasksProcessId } from './tasks-process.ts';

/** A task that was handed in at this host. Document form. */
interface BookedTask {
  stream: string;
  agent: string;
  domain: string;
  digest: string;
  /** As it was published; null until it was to be. */
  payload: string | null;
  /** Its result as it was published; null while there is none. */
  result: string | null;
}

interface BookState {
  open: Record<string, BookedTask>;
  /** Tasks with results, newest generation and the one before. */
  closed: Record<string, BookedTask>;
  closed_before: Record<string, BookedTask>;
  closed_count: number;
}

/** Results in one generation: at least as many are kept. */
const closedGeneration = 1_000;
const checkpointEvery = 2_000;

/** Ids come from outside: as keys of an object they must not look like anything else. */
const keyOf = (taskId: string) => `#${taskId}`;

const bookProjection: Projection<BookState> = {
  name: 'tasks',
  initial: () => ({ open: {}, closed: {}, closed_before: {}, closed_count: 0 }),
  apply(state, { entryType, data }) {
    const key = keyOf(String(data['task_id']));
    if (entryType === 'task_claimed') {
      const { stream, agent, domain, digest } = data as JsonObject & Pick<BookedTask, 'stream' | 'agent' | 'domain' | 'digest'>;
      state.open[key] = { stream, agent, domain, digest, payload: null, result: null };
    } else if (entryType === 'task_submitted') {
      const task = state.open[key];
      if (task !== undefined) task.payload = String(data['payload']);
    } else if (entryType === 'task_result') {
      const task = state.open[key];
      if (task === undefined) return state;
      delete state.open[key];
      if (state.closed_count >= closedGeneration) {
        state.closed_before = state.closed;
        state.closed = {};
        state.closed_count = 0;
      }
      state.closed[key] = { ...task, payload: null, result: String(data['result']) };
      state.closed_count += 1;
    }
    return state;
  },
};

/**
 * The tasks that were handed in at a host whose bus lives in its memory: a fold of the host's journal. A task is in it before the bus has it, until its result is known and
 * beyond, so neither is lost with the host. A bus that many hosts share keeps them itself.
 */
export class TaskBook implements ResponseTracker {
  readonly #log: ProcessLog<{ tasks: typeof bookProjection }>;
  /** Of this life of the bus. */
  readonly #msgIds = new Map<string, string>();

  private constructor(log: ProcessLog<{ tasks: typeof bookProjection }>) {
    this.#log = log;
  }

  static async open(deps: { journal: Journal }): Promise<TaskBook> {
    const log = new ProcessLog({ journal: deps.journal }, { processId: tasksProcessId, projections: { tasks: bookProjection } });
    await log.recover();
    return new TaskBook(log);
  }

  /** Resolves when the claim is on stable storage. */
  async claim(taskId: string, claim: MessageClaim): Promise<{ claim: MessageClaim; isNew: boolean }> {
    const known = await this.find(taskId);
    if (known !== undefined) return { claim: known, isNew: false };
    const { stream, agent, domain, digest } = claim;
    await this.#record({ entryType: 'task_claimed', data: { task_id: taskId, stream, agent, domain, digest } });
    return { claim, isNew: true };
  }

  async find(taskId: string): Promise<MessageClaim | undefined> {
    const task = this.#task(taskId);
    if (task === undefined) return undefined;
    const { stream, agent, domain, digest } = task;
    return { taskId, stream, agent, domain, digest, msgId: this.#msgIds.get(taskId) ?? null, status: task.result === null ? 'claimed' : 'responded' };
  }

  async markResponded(taskId: string, _status: string, options: { msgId?: string } = {}): Promise<void> {
    if (options.msgId !== undefined) this.#msgIds.set(taskId, options.msgId);
  }

  /** Resolves when the task is on stable storage: it will be handed in again until it has a result. */
  async submitted(taskId: string, payload: string): Promise<void> {
    if (this.#log.states.tasks.open[keyOf(taskId)]?.payload === null) await this.#record({ entryType: 'task_submitted', data: { task_id: taskId, payload } });
  }

  /** Tasks without a result, in the order in which they were handed in. */
  open(): { taskId: string; stream: string; payload: string }[] {
    return Object.entries(this.#log.states.tasks.open).flatMap(([key, { stream, payload }]) => (payload === null ? [] : [{ taskId: key.slice(1), stream, payload }]));
  }

  /** Resolves when the result is on stable storage. The first one stands; that of a task which was handed in elsewhere is nobody's here. */
  async close(taskId: string, result: string): Promise<void> {
    this.#msgIds.delete(taskId);
    if (this.#log.states.tasks.open[keyOf(taskId)] !== undefined) await this.#record({ entryType: 'task_result', data: { task_id: taskId, result } });
    await this.#log.checkpointIfDue(checkpointEvery);
  }

  /** The result of a task that has one, as it was published. */
  resultOf(taskId: string): string | undefined {
    return this.#task(taskId)?.result ?? undefined;
  }

  #task(taskId: string): BookedTask | undefined {
    const { open, closed, closed_before } = this.#log.states.tasks;
    return open[keyOf(taskId)] ?? closed[keyOf(taskId)] ?? closed_before[keyOf(taskId)];
  }

  async #record(entry: OwnJournalEntry): Promise<void> {
    await this.#log.record([entry]).durable;
  }
}
