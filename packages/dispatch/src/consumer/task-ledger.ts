import { Batcher, describeError, type Clock, type JsonObject } from '@cortex-runtime/core';
import { ProcessLog, type Journal, type Projection } from '@cortex-runtime/journal';

/** As it is in the journal. */
interface Outcome extends JsonObject {
  task_id: string;
  /** As it was written. */
  result: string;
}

interface LedgerState {
  /** Outcomes whose task may come again, oldest first; of several of one task the last counts. A list: a table of texts that come and go costs more than all the rest. */
  outcomes: { taskId: string; result: string; /** ISO 8601. */ at: string }[];
}

const ledgerProjection: Projection<LedgerState> = {
  name: 'tasks',
  version: 2,
  initial: () => ({ outcomes: [] }),
  apply(state, entry) {
    const data = entry.data as Outcome & { outcomes: Outcome[]; task_ids: string[]; before: number };
    switch (entry.entryType) {
      case 'task_outcomes':
        for (const { task_id: taskId, result } of data.outcomes) state.outcomes.push({ taskId, result, at: entry.timestamp });
        break;
      case 'task_outcome': // one by one, as earlier versions wrote them
        state.outcomes.push({ taskId: data.task_id, result: data.result, at: entry.timestamp });
        break;
      case 'tasks_settled': {
        const settled = new Set(data.task_ids);
        state.outcomes = state.outcomes.filter(({ taskId }) => !settled.has(taskId));
        break;
      }
      case 'ledger_pruned':
        state.outcomes = state.outcomes.filter(({ at }) => Date.parse(at) >= data.before);
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
/** Outcomes that came while the disk was busy are one entry, as long as it stays short. */
const recordedTogether = { maxItems: 200, maxWeight: 1024 * 1024, weigh: ({ result }: Outcome) => result.length };

/**
 * Outcomes of tasks that this process has worked out, a fold of one process of its journal: written before the bus is told, so that a task that comes again after a crash
 * is not worked on again.
 */
export class TaskLedger {
  readonly #log: ProcessLog<{ tasks: typeof ledgerProjection }>;
  /** Outcomes that are not noted as settled, by task id. */
  readonly #kept = new Map<string, { result: string; recorded: Promise<void> }>();
  readonly #writes = new Batcher<Outcome, void>((outcomes) => this.#write(outcomes), { ...recordedTogether, lanes: 1 });
  readonly #settled: string[] = [];
  #problem: string | undefined;

  private constructor(log: ProcessLog<{ tasks: typeof ledgerProjection }>) {
    this.#log = log;
    const recorded = Promise.resolve();
    for (const { taskId, result } of log.states.tasks.outcomes) this.#kept.set(taskId, { result, recorded });
  }

  /** Reads what the journal has. @param processId - one for each agent and process, such as `tasks:forge` */
  static async open(deps: { journal: Journal; clock: Clock }, processId: string): Promise<TaskLedger> {
    const log = new ProcessLog({ journal: deps.journal }, { processId, projections: { tasks: ledgerProjection } });
    await log.recover();
    if (log.states.tasks.outcomes.length > 0) await log.record([{ entryType: 'ledger_pruned', data: { before: deps.clock.now() - keptMs } }]).durable;
    return new TaskLedger(log);
  }

  /** The outcome of a task that was worked out and perhaps not told; nobody may be told before `recorded` resolves. */
  find(taskId: string): string | undefined {
    return this.#kept.get(taskId)?.result;
  }

  /** Resolves when the outcome that `find` gives is on stable storage. @throws what the journal throws */
  async recorded(taskId: string): Promise<void> {
    await this.#kept.get(taskId)?.recorded;
  }

  /** Why outcomes can not be recorded any more: a journal that has failed stays so until its process starts again. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves when the outcome is on stable storage. @throws what the journal throws */
  record(taskId: string, result: string): Promise<void> {
    const recorded = this.#writes.add({ task_id: taskId, result });
    this.#kept.set(taskId, { result, recorded });
    return recorded;
  }

  async #write(outcomes: Outcome[]): Promise<undefined[]> {
    try {
      await this.#log.record([{ entryType: 'task_outcomes', data: { outcomes } }]).durable;
    } catch (error) {
      this.#problem = `outcomes can not be recorded: ${describeError(error)}`;
      throw error;
    }
    return outcomes.map(() => undefined);
  }

  /** The bus has the outcome: the task does not come again. */
  settled(taskId: string): void {
    this.#settled.push(taskId);
    if (this.#settled.length < notedTogether) return;
    this.#note();
    this.#log.checkpointIfDue(Math.max(checkpointEvery, 4 * this.#log.states.tasks.outcomes.length)).catch(() => {});
  }

  /** Writes what is held back, and a checkpoint. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#kept.values()].map(({ recorded }) => recorded));
    this.#note();
    await this.#log.settled();
    await this.#log.checkpoint();
  }

  #note(): void {
    if (this.#settled.length === 0) return;
    const taskIds = this.#settled.splice(0);
    for (const taskId of taskIds) this.#kept.delete(taskId);
    this.#log.record([{ entryType: 'tasks_settled', data: { task_ids: taskIds } }]).durable.catch(() => {});
  }
}
