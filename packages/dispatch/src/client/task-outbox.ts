import type { JsonObject } from '@cortex-runtime/core';
import { ProcessLog, type Journal, type OwnJournalEntry, type Projection } from '@cortex-runtime/journal';

/** A task that was handed in and has no outcome yet. */
export interface OutboxTask {
  taskId: string;
  stream: string;
  payload: string;
  /** Id of its entry, once the bus has it. */
  msgId: string | null;
  /** The result that says so, when it was taken back. */
  cancelled: string | null;
}

interface OutboxState {
  open: Record<string, OutboxTask>;
  count: number;
}

/** Entries that are written after the task is durable anyway may be forgotten: they only save work. */
const outboxProjection: Projection<OutboxState> = {
  name: 'outbox',
  initial: () => ({ open: {}, count: 0 }),
  apply(state, entry) {
    switch (entry.entryType) {
      case 'task_submitted': {
        const { task_id: taskId, stream, payload } = entry.data as JsonObject & { task_id: string; stream: string; payload: string };
        if (state.open[`#${taskId}`] !== undefined) break; // handed in twice at once: the first stands
        state.count += 1;
        state.open[`#${taskId}`] = { taskId, stream, payload, msgId: null, cancelled: null };
        break;
      }
      case 'task_accepted': {
        const { task_id: taskId, msg_id: msgId } = entry.data as JsonObject & { task_id: string; msg_id: string };
        const task = state.open[`#${taskId}`];
        if (task !== undefined) task.msgId = msgId;
        break;
      }
      case 'task_cancelled': {
        const { task_id: taskId, result } = entry.data as JsonObject & { task_id: string; result: string };
        const task = state.open[`#${taskId}`];
        if (task !== undefined) task.cancelled = result;
        break;
      }
      case 'task_closed': {
        const key = `#${(entry.data as JsonObject & { task_id: string }).task_id}`;
        if (state.open[key] !== undefined) state.count -= 1;
        delete state.open[key];
        break;
      }
      default:
    }
    return state;
  },
};

/** Entries between two checkpoints, at least; with many open tasks more, as a checkpoint holds them all. */
const checkpointEvery = 2_000;

/**
 * What a submitter has handed in and what is still open: a fold of one process of its journal. A task is in it before the bus is asked to take it, until its outcome
 * is known; so it survives the end of the submitter, and of the bus's memory.
 */
export class TaskOutbox {
  readonly #log: ProcessLog<{ outbox: typeof outboxProjection }>;
  #isCheckpointing = false;

  private constructor(log: ProcessLog<{ outbox: typeof outboxProjection }>) {
    this.#log = log;
  }

  /** Reads what the journal has. @param processId - of the outbox in the journal; one submitter each */
  static async open(deps: { journal: Journal }, processId = 'outbox'): Promise<TaskOutbox> {
    const log = new ProcessLog({ journal: deps.journal }, { processId, projections: { outbox: outboxProjection } });
    await log.recover();
    return new TaskOutbox(log);
  }

  /** Open tasks as they are now, in the order in which they were handed in. */
  open(): OutboxTask[] {
    return Object.values(this.#log.states.outbox.open).map((task) => ({ ...task }));
  }

  find(taskId: string): OutboxTask | undefined {
    const task = this.#log.states.outbox.open[`#${taskId}`];
    return task === undefined ? undefined : { ...task };
  }

  /** Resolves when the task is on stable storage. */
  async submitted({ taskId, stream, payload }: Pick<OutboxTask, 'taskId' | 'stream' | 'payload'>): Promise<void> {
    await this.#record({ entryType: 'task_submitted', data: { task_id: taskId, stream, payload } });
  }

  accepted(taskId: string, msgId: string): void {
    this.#note({ entryType: 'task_accepted', data: { task_id: taskId, msg_id: msgId } });
  }

  /** It was taken back: a bus that has forgotten that is told again. */
  cancelled(taskId: string, result: string): void {
    if (this.find(taskId) !== undefined) this.#note({ entryType: 'task_cancelled', data: { task_id: taskId, result } });
  }

  closed(taskId: string): void {
    if (this.find(taskId) !== undefined) this.#note({ entryType: 'task_closed', data: { task_id: taskId } });
  }

  /** Resolves when everything is on stable storage. */
  settled(): Promise<void> {
    return this.#log.settled();
  }

  async #record(entry: OwnJournalEntry): Promise<void> {
    const { durable } = this.#log.record([entry]);
    await durable;
    if (this.#isCheckpointing) return;
    this.#isCheckpointing = true;
    try {
      await this.#log.checkpointIfDue(Math.max(checkpointEvery, 4 * this.#log.states.outbox.count));
    } finally {
      this.#isCheckpointing = false;
    }
  }

  /** Whoever hands in the next task is told of a journal that can not be written. */
  #note(entry: OwnJournalEntry): void {
    this.#record(entry).catch(() => {});
  }
}
