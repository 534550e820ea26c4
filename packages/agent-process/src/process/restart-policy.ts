import { backoffMs, describeError, type Clock, type Logger, type Timer } from '@cortex-runtime/core';
import type { OwnJournalEntry } from '@cortex-runtime/journal';
import type { ProcessConfig } from '@cortex-runtime/manifest';


export interface RestartPolicyPorts {
  clock: Clock;
  logger: Logger;
  config(): ProcessConfig;
  /** Restarts since the last successful run. */
  restartCount(): number;
  record(entry: OwnJournalEntry): Promise<void>;
  start(): Promise<void>;
}

const maxWaitMs = 60_000;

/** Starts a failed process again, with doubling waits, until `max_restarts` without a successful run in between. Any explicit start, stop or removal cancels a pending restart. */
export class RestartPolicy {
  readonly #ports: RestartPolicyPorts;
  #pending: Timer | undefined;
  #turn = 0;

  constructor(ports: RestartPolicyPorts) {
    this.#ports = ports;
  }

  /** Counts the explicit starts, stops and removals: a failure of before one of them leads to no restart after it. */
  get turn(): number {
    return this.#turn;
  }

  cancel(): void {
    this.#turn += 1;
    this.#pending?.cancel();
    this.#pending = undefined;
  }

  /** @param turn - the turn in which it failed */
  async onFailed(reason: string, turn: number): Promise<void> {
    if (turn !== this.#turn) return;
    const { clock, logger } = this.#ports;
    const { restartPolicy, maxRestarts, restartBackoffMs } = this.#ports.config();
    if (restartPolicy === 'never') return;
    const restarts = this.#ports.restartCount();
    if (restarts >= maxRestarts) {
      await this.#ports.record({ entryType: 'restart_exhausted', data: { reason, restarts } });
      logger.error({ reason, restarts }, 'the process failed again and is not restarted any more');
      return;
    }
    const waitMs = backoffMs(restarts + 1, { baseMs: restartBackoffMs, maxMs: maxWaitMs });
    logger.warn({ reason, waitMs, attempt: restarts + 1 }, 'the failed process is started again');
    this.#pending = clock.setTimer(waitMs, () => {
      this.#pending = undefined;
      void this.#restart(reason, restarts + 1, turn);
    });
  }

  async #restart(reason: string, attempt: number, turn: number): Promise<void> {
    try {
      await this.#ports.record({ entryType: 'restart', data: { reason, attempt } });
      if (turn !== this.#turn) return;
      await this.#ports.start();
    } catch (error) {
      await this.onFailed(describeError(error), turn).catch((failure: unknown) => this.#ports.logger.error({ error: describeError(failure) }, 'a restart could not be recorded'));
    }
  }
}
