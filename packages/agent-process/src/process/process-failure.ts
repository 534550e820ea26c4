import type { Clock, Logger } from '@cortex-runtime/core';

import type { ProcessLifecycle } from '../lifecycle/process-lifecycle.ts';
import { ProcessState } from '../lifecycle/process-state.ts';
import type { ProcessRecord } from './process-record.ts';
import { RestartPolicy } from './restart-policy.ts';

export interface ProcessFailureDeps {
  clock: Clock;
  logger: Logger;
  record: ProcessRecord;
  lifecycle(): ProcessLifecycle;
  /** Ends what is left of the process. */
  tearDown(): Promise<void>;
  restart(): Promise<void>;
}

/** What becomes of a process that fails: it is recorded, what is left of it is torn down, and then the restart policy has its say. */
export class ProcessFailure {
  readonly #deps: ProcessFailureDeps;
  readonly #restarts: RestartPolicy;
  #brokenBecause: string | undefined;

  constructor(deps: ProcessFailureDeps) {
    this.#deps = deps;
    const { clock, logger, record } = deps;
    this.#restarts = new RestartPolicy({
      clock,
      logger,
      config: () => record.config(),
      restartCount: () => record.summary().restart_count,
      record: (entry) => record.write([entry]).durable,
      start: () => deps.restart(),
    });
  }

  /** Why it has failed, when the journal could not be told: it stays failed until its host is started again. */
  get brokenBecause(): string | undefined {
    return this.#brokenBecause;
  }

  breakDown(reason: string): void {
    this.#brokenBecause = reason;
  }

  /** Somebody starts, stops or removes it by hand. */
  cancelRestart(): void {
    this.#restarts.cancel();
  }

  /** Resolves when the failure is recorded; the rest goes on by itself. */
  async fail(reason: string): Promise<void> {
    const { logger } = this.#deps;
    const lifecycle = this.#deps.lifecycle();
    if (lifecycle.state === ProcessState.STOPPING) {
      logger.error({ reason }, 'what failed while the process was stopping does not keep it from stopping');
      return;
    }
    const { turn } = this.#restarts;
    const isRecorded = await lifecycle.transition(ProcessState.FAILED, { reason }).then(
      () => true,
      () => lifecycle.state === ProcessState.FAILED,
    );
    if (!isRecorded) this.breakDown(reason);
    logger.error({ reason }, 'the process has failed');
    void this.#deps.tearDown().then(() => (isRecorded ? this.#restarts.onFailed(reason, turn) : undefined));
  }
}
