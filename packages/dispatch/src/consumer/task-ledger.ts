import { describeError, type Clock, type JsonObject } from '@cortex-runtime/core';
import { ProcessLog, type Journal, type Projection } from '@cortex-runtime/journal';

interface LedgerState {
  /** Outcomes whose task may come again, by task id: the result as it was written. */
  outcomes: Record<string, { result: string; /** ISO 8601. */ at: string }>;
  count: number;
}

const ledgerProjection: Projection<LedgerState> = {
  name: 'tasks',
  initial: () => ({ outcomes: {}, count: 0 }),
  apply(state, entry) {
    const data = entry.data as JsonObject & { task_id: string; result: string; task_ids: string[]; before: number };
    switch (entry.entryType) {
      case 'task_outcome':
        if (state.outcomes[`#${data.task_id}`] === undefined) state.count += 1;
        state.outcomes[`#${data.task_id}`] = { result: data.result, at: entry.timestamp };
        break;
      case 'tasks_settled':
        for (const taskId of data.task_ids) {
          if (state.outcomes[`#${taskId}`] !== undefined) state.count -= 1;
          delete state.outcomes[`#${taskId}`];
        }
        break;
      case 'ledger_pruned':
        for (const [key, { at }] of Object.entries(state.outcomes)) {
          if (Date.parse(at) >= data.before) continue;
          delete state.outcomes[key];
          state.count -= 1;
        }
        break;
      default:
    }
    return state;
  },
};

/** Longer than any bus keeps a task that was settled. */
const keptMs = 24 * 3_600_000;
const checkpointEvery = 5_000;
/** Settled tasks are noted together: nothing depends on it but the length of the list. */
const notedTogether = 200;

/**
 * Outcomes of tasks that this process has worked out, a fold of one process of its journal: written before the bus is told, so that a task that comes again after a crash
 * is not worked on again.
 */
export class TaskLedger {
  readonly #log: ProcessLog<{ tasks: typeof ledgerProjection }>;
  readonly #settled: string[] = [];
  #problem: string | undefined;

  private constructor(log: ProcessLog<{ tasks: typeof ledgerProjection }>) {
    this.#log = log;
  }

  /** Reads what the journal has. @param processId - one for each agent and process, such as `tasks:forge` */
  static async open(deps: { journal: Journal; clock: Clock }, processId: string): Promise<TaskLedger> {
    const log = new ProcessLog({ journal: deps.journal }, { processId, projections: { tasks: ledgerProjection } });
    await log.recover();
    if (log.states.tasks.count > 0) await log.record([{ entryType: 'ledger_pruned', data: { before: deps.clock.now() - keptMs } }]).durable;
    return new TaskLedger(log);
  }

  /** The outcome of a task that was worked out and perhaps not told. */
  find(taskId: string): string | undefined {
    return this.#log.states.tasks.outcomes[`#${taskId}`]?.result;
  }

  /** Why outcomes can not be recorded any more: a journal that has failed stays so until its process starts again. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves when the outcome is on stable storage. @throws what the journal throws */
  async record(taskId: string, result: string): Promise<void> {
    try {
      await this.#log.record([{ entryType: 'task_outcome', data: { task_id: taskId, result } }]).durable;
    } catch (error) {
      this.#problem = `outcomes can not be recorded: ${describeError(error)}`;
      throw error;
    }
  }

  /** The bus has the outcome: the task does not come again. */
  settled(taskId: string): void {
    this.#settled.push(taskId);
    if (this.#settled.length < notedTogether) return;
    this.#note();
    this.#log.checkpointIfDue(Math.max(checkpointEvery, 4 * this.#log.states.tasks.count)).catch(() => {});
  }

  /** Writes what is held back, and a checkpoint. */
  async close(): Promise<void> {
    this.#note();
    await this.#log.settled();
    await this.#log.checkpoint();
  }

  #note(): void {
    if (this.#settled.length === 0) return;
    this.#log.record([{ entryType: 'tasks_settled', data: { task_ids: this.#settled.splice(0) } }]).durable.catch(() => {});
  }
}
